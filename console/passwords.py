"""Passwords: kept as what Argon2 makes of them, and checked no faster than a guesser deserves."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 1_000
FREE = {"pair": 5, "name": 20, "address": 50}  # wrong tries that cost no waiting
FIRST_S, LONGEST_S = 2.0, 900.0
MOST_KNOWN = 10_000  # names and addresses whose tries are counted
_AT_ONCE = threading.BoundedSemaphore(2)  # each takes 64 MB and a core
_hasher = PasswordHasher()
_NOBODY = _hasher.hash("nobody has this name, and it takes as long to find out")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher.hash(password)


def matches(secret: str | None, password: str) -> bool:
    """Whether it is that password; for a name that nobody has it takes as long."""
    with _AT_ONCE:
        try:
            _hasher.verify(_NOBODY if secret is None else secret, password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
    return secret is not None


Key = tuple[str, str]
Keys = tuple[Key, ...]


def keys_of(name: str, address: str) -> Keys:
    """What a try is counted under. Many share an address, so it has more tries; a name may be tried from many."""
    lower = name.lower()
    return ("pair", f"{lower} {address}"), ("name", lower), ("address", address)


@dataclass(slots=True)
class Throttle:
    """After some wrong tries each further one waits twice as long. Time is an argument."""

    _tries: OrderedDict[Key, tuple[int, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, keys: Keys, now: float) -> float:
        """How long it is until the next try is heard."""
        with self._lock:
            return max((self._until(key) - now for key in keys), default=0.0)

    def _until(self, key: Key) -> float:
        wrong, at = self._tries.get(key, (0, 0.0))
        over = wrong - FREE[key[0]]
        return at + min(LONGEST_S, FIRST_S * 2.0 ** min(over, 20)) if over >= 0 else float("-inf")

    def wrong(self, keys: Keys, now: float) -> None:
        """Count a wrong try; after a day without one it is forgotten."""
        with self._lock:
            for key in keys:
                number, at = self._tries.pop(key, (0, now))
                self._tries[key] = (1 if now - at > 86_400 else number + 1, now)
            while len(self._tries) > MOST_KNOWN:
                self._tries.popitem(last=False)

    def right(self, keys: Keys) -> None:
        """A right one: all is forgiven."""
        with self._lock:
            for key in keys:
                self._tries.pop(key, None)
