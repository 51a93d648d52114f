"""Bounds that a run has come to, and what is not as it would be without them, in words for the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cluster.snapshot import Snapshot
from ingest.feed_history import MOST_PAST
from ingest.holding_records import FULL
from ingest.select import BEYOND
from ingest.told_holders import MOST_THINGS


class Exceeded:
    """Says of each once that it is."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._said: set[str] = set()

    def look(self, now: Snapshot) -> None:
        """Say what is new."""
        for bound, text in exceeded(now):
            if bound not in self._said:
                self._said.add(bound)
                self._say(text)


def exceeded(now: Snapshot) -> Iterator[tuple[str, str]]:
    """Each bound with what that means and what to do."""
    if now.counts.filtered.get(BEYOND):
        yield (
            BEYOND,
            f"{BEYOND}: nobody watches these; name narrower networks, or addresses in [inventory] path",
        )
    if now.holders is not None and now.holders.refused:
        text = (
            f"sources tell of more than {MOST_THINGS:,} machines, interfaces and public addresses: the traffic of those "
            "beyond is nobody's; give each server a part of the subscriptions"
        )
        yield "holders", text
    if now.holders is not None and now.holders.pages:
        yield (
            "pages",
            f"inventory: {FULL}; give answers whole, as `az graph query` prints them, with total_records",
        )
    for feed in now.feeds:
        if feed.forgotten:
            text = (
                f"of the feed {feed.name} more than {MOST_PAST:,} indicators have ended: earlier hours, if they are read "
                "again, are matched without those that ended first"
            )
            yield f"feed {feed.category} {feed.name}", text
