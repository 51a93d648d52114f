"""What several stores have, as one list: those of all regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from alerts.store.store import AlertStore, Page, Stored
from alerts.work import Filter, Key
from detections.declare import SEVERITIES


def key_of(row: Stored) -> Key:
    """An alert's place in a list."""
    return Key(SEVERITIES.index(row.alert.severity), row.alert.start, row.alert.id)


def _place(key: Key, asked: Filter) -> tuple[int, str, str]:
    return (key.grave if asked.order == "severity" else 0), key.start, key.id


def merged(rows: Sequence[Stored], asked: Filter) -> list[Stored]:
    """Rows of several stores in the order that is asked for."""
    return sorted(rows, key=lambda row: _place(key_of(row), asked), reverse=asked.order != "oldest")


def page(stores: Sequence[AlertStore], asked: Filter) -> Page:
    """A page of all stores together."""
    pages = [one.page(asked) for one in stores]
    rows = merged([row for one in pages for row in one.alerts], asked)
    ends = [one.looked for one in pages if one.looked is not None]
    pick = max if asked.order != "oldest" else min
    looked = pick(ends, key=lambda key: _place(key, asked)) if ends else None
    if looked is not None:  # what lies beyond comes with the next page
        rows = [row for row in rows if not _beyond(key_of(row), looked, asked)]
    more = any(one.more for one in pages) or len(rows) > asked.limit
    return Page(rows[: asked.limit], more, looked)


def each(stores: Sequence[AlertStore], asked: Filter) -> Iterator[Stored]:
    """All that a filter asks for, page by page: however many there are, `asked.limit` of each store are in memory."""
    while True:
        found = page(stores, asked)
        yield from found.alerts
        if not found.more or not found.alerts:
            return
        asked = msgspec.structs.replace(asked, after=key_of(found.alerts[-1]))


def _beyond(key: Key, end: Key, asked: Filter) -> bool:
    one, other = _place(key, asked), _place(end, asked)
    return one > other if asked.order == "oldest" else one < other


def one_alert(stores: Sequence[AlertStore], id_: str) -> tuple[AlertStore, Stored] | None:
    """An alert by its whole id, and where it is."""
    for store in stores:
        for row in store.find(id_):
            if row.alert.id == id_.lower():
                return store, row
    return None


def everything(stores: Sequence[AlertStore], asked: Filter, most: int) -> tuple[list[Stored], bool]:
    """So many of what a filter asks for, and whether there are more."""
    found = page(stores, msgspec.structs.replace(asked, limit=most))
    return found.alerts, found.more
