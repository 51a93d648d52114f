"""Secrets that a browser holds: the session, and the ticket that a form must bring along."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

SESSION_HOURS = 12


def new_secret() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of it: it is random, so a plain hash can't be turned back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Tickets:
    """A form's ticket is bound to the browser and to the session, so no other site can know it."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def of(self, browser: str, session: str) -> str:
        """The ticket that a browser's forms bring along."""
        said = f"{digest(browser)}.{digest(session)}".encode()
        return hmac.new(self.key, said, hashlib.sha256).hexdigest()

    def holds(self, ticket: str, browser: str, session: str) -> bool:
        """Whether it is that one."""
        return hmac.compare_digest(ticket.encode("utf-8", "replace"), self.of(browser, session).encode())


def cookie_name(name: str, https: bool) -> str:
    """With https only this very host can set it."""
    return f"__Host-{name}" if https else name
