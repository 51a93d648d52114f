"""What every page works with: the stores, the clock, the templates, and who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from alerts.store.people import ROLES, Person, Role
from alerts.store.store import AlertStore
from console.guard import visit_of
from console.rendering import Renderer
from console.settings import Settings
from console.words import Words


class WrongError(Exception):
    """What was sent can't be done; one sentence says why."""

    status = 400


class NotFoundError(WrongError):
    """There is no such thing."""

    status = 404


class NotAllowedError(WrongError):
    """Somebody with another role may."""

    status = 403


class Desk:
    """One console's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._renderer = Renderer(settings)

    @property
    def stores(self) -> Sequence[AlertStore]:
        """Every store of alerts."""
        return self.settings.stores

    def now(self) -> datetime:
        """The time of day."""
        return self.settings.now()

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """A page from a template."""
        return self._renderer.page(request, name, status, **values)

    def words(self, request: Request) -> Words:
        """The language of who asks."""
        return self._renderer.words(request)

    def form(self, request: Request) -> dict[str, str]:
        """What a form of ours says; the guard has seen that it is one."""
        return visit_of(request).form


def may(person: Person | None, role: Role) -> bool:
    """Whether somebody's role is that one or more."""
    return person is not None and ROLES.index(person.role) >= ROLES.index(role)


def needs(request: Request, role: Role) -> Person:
    """Who asks. Raises NotAllowedError where the role is less than that."""
    person = visit_of(request).person
    if person is None or not may(person, role):
        raise NotAllowedError(f"This needs the role {role}; yours is {person.role if person else 'none'}.")
    return person
