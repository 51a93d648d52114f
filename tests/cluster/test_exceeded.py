"""A bound that a server has come to is said in its log, once: else machines go unwatched and nobody knows."""

from __future__ import annotations

import msgspec

from actors.steps import Counts
from cluster.exceeded import Exceeded
from cluster.snapshot import Snapshot
from ingest.feed_history import FeedNow
from ingest.select import BEYOND
from ingest.told_holders import HoldersNow

WELL = Snapshot(
    started_us=0,
    taken_us=1,
    holders=HoldersNow(40, 38, 0, 0, 0),
    feeds=[FeedNow(name="tor.txt", category="tor_exit_node", indicators=7, ended=7, forgotten=0)],
)


def test_each_bound_is_said_once_and_what_is_well_is_not() -> None:
    said: list[str] = []
    exceeded = Exceeded(said.append)
    exceeded.look(WELL)
    assert said == []
    more = msgspec.structs.replace(
        WELL,
        counts=Counts(filtered={BEYOND: 3}),
        feeds=[msgspec.structs.replace(WELL.feeds[0], forgotten=1)],
    )
    for _ in range(3):
        exceeded.look(more)
    assert len(said) == 2
    assert said[0].startswith(
        "flows of addresses of [inventory] networks that came after the first 1,000,000 of them: "
    )
    assert said[1].startswith("of the feed tor.txt more than 1,000,000 indicators have ended")
    exceeded.look(msgspec.structs.replace(more, holders=HoldersNow(40, 38, 0, 0, 2, 1)))
    assert said[2].startswith("sources tell of more than 200,000 machines")
    assert said[3].startswith("inventory: pictures that do not say how many rows there are")
