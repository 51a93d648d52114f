"""Bounds that a run has come to, and what is not as it would be without them, in words for the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.waiting_flows import MOST_WAITING
from cluster.snapshot import Snapshot
from ingest.feed_history import MOST_PAST
from ingest.holding_records import FULL
from ingest.select import BEYOND
from ingest.told_holders import MOST_THINGS, MOST_TOLD


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
    if now.holders is not None and now.holders.hurried:
        text = (
            f"more than {MOST_TOLD:,} changes of who holds an address waited to be settled: the older ones counted before all "
            "that is older still had come; flows may be judged by who held their address a moment before"
        )
        yield "told", text
    if now.counts.unsettled:
        text = (
            f"more than {MOST_WAITING:,} flows waited until it was settled who held their addresses: further ones are judged by "
            "what is known when they come; more routers ([engine] routers) let more wait"
        )
        yield "flows", text
    for feed in now.feeds:
        if feed.forgotten:
            text = (
                f"of the feed {feed.name} more than {MOST_PAST:,} indicators have ended: earlier hours, if they are read "
                "again, are matched without those that ended first"
            )
            yield f"feed {feed.category} {feed.name}", text
