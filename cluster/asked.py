"""What people say on the command line, understood or refused with a hint. Light: every command may import it."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta

import click

from detections.catalogue import CATALOGUE

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """RFC 3339, UTC, to the second, as alerts have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(said: str | None, option: str, sign: int) -> str | None:
    """A date, a time or a duration before (-1) or after (1) now, as RFC 3339. Raises BadParameter."""
    if said is None:
        return None
    try:
        if found := re.fullmatch(r"(\d{1,6})([mhdw])", said.strip().lower()):
            return stamp(now() + sign * timedelta(**{_UNITS[found[2]]: int(found[1])}))
        at = datetime.fromisoformat(said.strip())
        return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{said!r}: a date (2026-03-17), a time (2026-03-17T10:00Z) or a duration (7d, 12h) was expected",
            param_hint=option,
        ) from None


def known_type(type_: str | None, option: str = "--type", what: str = "detection") -> str | None:
    """The type, if the catalogue has it. Raises BadParameter."""
    if type_ is None or type_ in CATALOGUE:
        return type_
    near = difflib.get_close_matches(type_, CATALOGUE, 1, 0.4)
    hint = f" (did you mean {near[0]}?)" if near else "; `redshank catalogue` lists them"
    raise click.BadParameter(f"no {what} has the type {type_!r}{hint}", param_hint=option)
