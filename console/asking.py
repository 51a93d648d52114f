"""A list's filter in the address bar, and a page of the list."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast, get_args

import click
import msgspec

from alerts.store.store import AlertStore, Stored
from alerts.store.together import key_of, page
from alerts.work import ORDERS, STATES, Filter, Key, Order, State
from cluster.asked import known_type, moment
from detections.declare import SEVERITIES

LIMIT = 50
LOOK = 2_000  # alerts that a search looks through at once ...
SEARCH_S = 0.08  # ... until the page is full or so much time is gone
FIELDS = (
    "type",
    "severity",
    "state",
    "entity",
    "text",
    "incident",
    "since",
    "until",
    "order",
    "all",
    "after",
)
LONGEST = 500


class AskedError(ValueError):
    """What is asked for can't be understood; one line says why."""


class Listed(NamedTuple):
    """A page of a list."""

    rows: list[Stored]
    next: Key | None  # where the next page goes on
    searched_to: str | None  # a search has looked back to here, and there is more beyond


def filter_of(query: Mapping[str, str], limit: int = LIMIT) -> Filter:
    """What an address asks for. Raises AskedError."""
    said = {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}
    if long := next((name for name, value in said.items() if len(value) > LONGEST), None):
        raise AskedError(f"{long}: more than {LONGEST} letters")
    try:
        return Filter(
            type=known_type(said.get("type"), "type"),
            severity=_one_of(said, "severity", SEVERITIES),
            state=cast("State | None", _one_of(said, "state", STATES)),
            entity=said.get("entity"),
            text=said.get("text"),
            incident=said.get("incident"),
            since=moment(said.get("since"), "since", -1),
            until=moment(said.get("until"), "until", -1),
            order=cast(Order, _one_of(said, "order", ORDERS) or get_args(Order)[0]),
            hidden=said.get("all") == "1",
            limit=limit,
            after=_key(said.get("after")),
        )
    except click.BadParameter as error:
        raise AskedError(f"{error.param_hint}: {error.message}") from None


def _one_of(said: Mapping[str, str], name: str, known: Sequence[str]) -> str | None:
    value = said.get(name)
    if value is not None and value not in known:
        raise AskedError(f"{name}: one of {', '.join(known)} was expected, found {value[:60]!r}")
    return value


def _key(said: str | None) -> Key | None:
    if said is None:
        return None
    grave, _, rest = said.partition("_")
    start, _, id_ = rest.partition("_")
    if grave not in ("0", "1", "2", "3") or not start or not id_:
        raise AskedError("after: is no place in a list")
    return Key(int(grave), start, id_)


def key_text(key: Key) -> str:
    """A place in a list, for an address."""
    return f"{key.grave}_{key.start}_{key.id}"


def listed(stores: Sequence[AlertStore], asked: Filter) -> Listed:
    """The page that a filter asks for. A search goes back in steps, for so long as a person likes to wait."""
    if asked.text is None:
        found = page(stores, asked)
        return Listed(found.alerts, key_of(found.alerts[-1]) if found.more else None, None)
    rows: list[Stored] = []
    end, after = time.monotonic() + SEARCH_S, asked.after
    while True:
        step = msgspec.structs.replace(asked, look=LOOK, after=after, limit=asked.limit - len(rows))
        found = page(stores, step)
        rows += found.alerts
        if found.more:
            return Listed(rows, key_of(rows[-1]), None)
        if found.looked is None:
            return Listed(rows, None, None)
        after = found.looked
        if len(rows) >= asked.limit or time.monotonic() >= end:
            return Listed(rows, after, after.start)


def plain_query(query: Mapping[str, Any]) -> dict[str, str]:
    """The parts of an address that say something, for links."""
    return {name: str(query[name]).strip() for name in FIELDS if str(query.get(name, "")).strip()}
