"""Which alerts go to which sink, and whether a newer word on one is told there again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET

from alerts.alert import Alert
from detections.declare import SEVERITIES, Severity

Kind = Literal["alert", "withdrawn", "sample"]
Updates = Literal["all", "graver"]
WhenFull = Literal["wait", "give_up"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink is told. A sink with several targets (addresses of mail) tells each by itself."""

    name: str
    targets: tuple[str, ...] = ("",)
    severity: Severity = "informational"  # at least
    types: tuple[str, ...] = ()  # empty: all
    regions: tuple[str, ...] = ()
    complete_only: bool = False  # nothing of hours that are open
    when_full: WhenFull = "wait"  # what becomes of an alert for which the outbox has no room
    updates: Updates = "all"  # of newer words: all, or only those that are graver
    caps: Mapping[str, int] = {}  # severity -> messages a day to a target; what is not named has no bound


class Past(NamedTuple):
    """What a target was to be told of an alert before."""

    kind: Kind  # the newest
    grave: int  # the gravest
    tried: bool  # something may have reached it


def wants(route: Route, alert: Alert) -> bool:
    """Whether a sink's filters let an alert through."""
    if SEVERITIES.index(alert.severity) < SEVERITIES.index(route.severity):
        return False
    if route.types and alert.type not in route.types:
        return False
    return not route.regions or _region(alert.region) in map(_region, route.regions)


def word(route: Route, alert: Alert, past: Past | None) -> Kind | None:
    """What a target is told now that there is news of an alert; None: nothing.

    Who was told of an alert hears of it on, though it became less grave than the filter asks.
    """
    if alert.withdrawn is not UNSET:
        return "withdrawn" if past and past.tried and past.kind != "withdrawn" else None
    if route.complete_only and alert.complete is False:
        return None
    if past is None:
        if not wants(route, alert):
            return None
        return "sample" if alert.sample is True else "alert"
    if route.updates == "graver" and past.kind != "withdrawn":
        return "alert" if SEVERITIES.index(alert.severity) > past.grave else None
    return "alert"


def _region(name: str) -> str:
    """'West Europe' and 'westeurope' are the same region."""
    return name.replace(" ", "").lower()
