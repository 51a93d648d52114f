"""Sinks and their routes, as a configuration names them; secrets come from the environment or from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from alerts.routing import Route
from cluster.config_sinks import SinkTable
from cluster.config_tables import Configuration
from cluster.errors import UserError

if TYPE_CHECKING:
    from alerts.sinks.base import Sink

DAY_S = 86_400.0
CAPS: dict[str, int] = {
    "high": 4,
    "medium": 2,
    "low": 1,
    "informational": 0,
}  # of mail, as the original has them


class Way(NamedTuple):
    """A sink, what it is told, and with how much patience."""

    name: str
    kind: str
    route: Route
    sink: Sink
    lease_s: float  # longer than a try can take
    give_up_s: float


class Secrets:
    """What is kept out of the configuration. Nothing of it is ever said: errors name where it was looked for."""

    def __init__(self, where: str, environment: Mapping[str, str]) -> None:
        self._where, self._environment = where, environment

    def get(self, key: str, variable: str | None, file: Path | None) -> str | None:
        """The secret; None where the configuration names none. Raises UserError where it is not there."""
        if variable is not None:
            found, place = self._environment.get(variable, ""), f"the environment variable {variable}"
        elif file is not None:
            place = str(file)
            try:
                found = file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                said = error.strerror if isinstance(error, OSError) else "is no text"
                raise UserError(f"{self._where} {key}_file: {place}: {said}") from None
        else:
            return None
        if not found.strip():
            raise UserError(f"{self._where} {key}: {place} is empty or not set")
        if not found.isprintable():
            raise UserError(f"{self._where} {key}: {place} holds a line break or another control character")
        return found


def ways(
    configuration: Configuration, config: Path, environment: Mapping[str, str] = os.environ
) -> list[Way]:
    """Every sink, made ready. Raises UserError where one can't be."""
    return [_way(table, config, environment) for table in configuration.sinks]


def routes(configuration: Configuration) -> list[Route]:
    """What each sink is told."""
    return [_route(table) for table in configuration.sinks]


def _way(table: SinkTable, config: Path, environment: Mapping[str, str]) -> Way:
    where = f"{config}: [[sinks]] {table.name}"
    sink = _MAKERS[table.kind](table, where, config.parent.resolve(), Secrets(where, environment))
    # A try is a few exchanges, each with its own timeout; a claim must not end before them.
    lease_s = 10 + 12 * table.timeout_seconds
    return Way(table.name, table.kind, _route(table), sink, lease_s, table.give_up_days * DAY_S)


def _route(table: SinkTable) -> Route:
    for_people = table.kind in ("email", "chat")
    caps = (
        {**CAPS, **{str(name): cap for name, cap in (table.caps or {}).items()}}
        if table.kind == "email"
        else {}
    )
    return Route(
        name=table.name,
        targets=tuple(dict.fromkeys(table.to)) or ("",),
        severity=table.severity,
        types=table.types,
        regions=table.regions,
        complete_only=table.complete_only,
        updates=table.updates or ("graver" if for_people else "all"),
        caps=caps,
    )


def _webhook(table: SinkTable, where: str, folder: Path, secrets: Secrets) -> Sink:
    from alerts.sinks.http import Poster
    from alerts.sinks.webhook import Webhook

    secret = secrets.get("secret", table.secret_env, table.secret_file)
    token = secrets.get("token", table.token_env, table.token_file)
    if token is not None and not token.isascii():
        raise UserError(f"{where} token: letters of ASCII were expected")
    poster = Poster(table.timeout_seconds, table.allow_internal, _file(table.ca_file))
    return Webhook(_url(table, where), poster, secret.encode() if secret else None, token)


def _line_file(table: SinkTable, where: str, folder: Path, secrets: Secrets) -> Sink:
    from alerts.sinks.file import LineFile

    return LineFile(folder / Path(table.path or "").expanduser(), table.format or "json")


def _file(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _url(table: SinkTable, where: str) -> str:
    """One that can be posted to. Raises UserError."""
    url = table.url or ""
    try:
        there = urlsplit(url)
        usable = there.scheme in ("http", "https") and bool(there.hostname) and there.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise UserError(f"{where} url: an address like 'https://example.com/alerts' was expected")
    if there.username is not None or there.password is not None:
        raise UserError(f"{where} url: holds a name or a password: token_env keeps it out of this file")
    return url


_MAKERS: Mapping[str, Callable[[SinkTable, str, Path, Secrets], Sink]] = {
    "webhook": _webhook,
    "file": _line_file,
}
