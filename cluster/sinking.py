"""Sinks and their routes, as a configuration names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from alerts.routing import Route
from cluster.config_sinks import SinkTable
from cluster.config_tables import Configuration

if TYPE_CHECKING:
    from alerts.sinks.base import Sink

DAY_S = 86_400.0
CAPS: dict[str, int] = {"high": 4, "medium": 2, "low": 1, "informational": 0}  # of mail, a day and address


class Way(NamedTuple):
    """A sink, what it is told, and with how much patience."""

    name: str
    kind: str
    route: Route
    sink: Sink
    lease_s: float  # longer than a try can take
    give_up_s: float


def ways(
    configuration: Configuration, config: Path, environment: Mapping[str, str] = os.environ
) -> list[Way]:
    """Every sink, made ready. Raises UserError where one can't be."""
    from cluster.sink_making import Making, made

    found = []
    for table in configuration.sinks:
        where = f"{config}: [[sinks]] {table.name}"
        sink = made(table, Making(where, config.parent.resolve(), configuration.cloud, environment))
        # A try is a few exchanges, each with its own timeout; a claim must not end before them.
        lease_s = 10 + 12 * table.timeout_seconds
        found.append(Way(table.name, table.kind, _route(table), sink, lease_s, table.give_up_days * DAY_S))
    return found


def routes(configuration: Configuration) -> list[Route]:
    """What each sink is told."""
    return [_route(table) for table in configuration.sinks]


def _route(table: SinkTable) -> Route:
    for_people = table.kind in ("email", "chat")
    own = {str(name): cap for name, cap in (table.caps or {}).items()}
    return Route(
        name=table.name,
        targets=tuple(dict.fromkeys(table.to)) or ("",),
        severity=table.severity,
        types=table.types,
        regions=table.regions,
        complete_only=table.complete_only,
        when_full=table.when_full,
        updates=table.updates or ("graver" if for_people else "all"),
        caps={**CAPS, **own} if table.kind == "email" else {},
    )
