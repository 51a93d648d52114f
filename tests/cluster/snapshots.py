"""A snapshot with something of everything."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.steps import Counts
from cluster.snapshot import RUNNING, CheckpointNow, FlowsLost, SinkNow, Snapshot, SourceNow, TcpNow, UdpNow
from ingest.feed_history import FeedNow
from ingest.told_holders import HoldersNow

NOW_US = 1_790_000_000_000_000


def snapshot(**changed: Any) -> Snapshot:
    """All is well, but for what is said."""
    counts = Counts(
        read=100, flows_applied=40, events_sent=30, late=5, rejected=5, lost=7, filtered={"no key": 20}
    )
    whole = Snapshot(
        started_us=NOW_US - 60_000_000,
        taken_us=NOW_US - 2_000_000,
        phase=RUNNING,
        counts=counts,
        filtered={"delivered twice": 3},
        entities=183,
        alerts={"high": 2, "medium": 14},
        open_hours=2,
        watermark_us=NOW_US - 700_000_000,
        holders=HoldersNow(40, 38, 0, NOW_US - 5_000_000, 2, 1),
        feeds=[
            FeedNow(
                name="list.txt", category="tor_exit_node", indicators=1_204, ended=33, forgotten=2, refused=5
            ),
            FeedNow(name="list.txt", category="tor_exit_node", indicators=6, ended=0, forgotten=0),
        ],
        sources=[
            SourceNow(name="edge-1", frontier_us=NOW_US - 90_000_000, lag_s=90.0),
            SourceNow(name="vaults", frontier_us=NOW_US - 30_000_000, lag_s=30.0, behind=42),
            SourceNow(name="old.json", finished=True),
            SourceNow(name="new.json", fault="it does not answer", down_s=33.0),
        ],
        sources_open=True,
        checkpoint=CheckpointNow(epoch=12, written_us=NOW_US - 9_000_000, took_s=0.5, octets=818_031),
        deaths=1,
        recoveries=1,
        kept_dropped={"rejected": 6},
        queues=[3, 4],
        sinks=[
            SinkNow(
                name="hook",
                kind="webhook",
                waiting=4,
                oldest_s=90.0,
                dead=2,
                held=1,
                delivered=8,
                failed=5,
                fault="HTTP 500",
            )
        ],
        udp=UdpNow(datagrams=9, octets=9_000, dropped=1, lost=[FlowsLost("10.0.0.1", 256, 7)]),
        tcp=TcpNow(messages=4, octets=4_000, lost=[FlowsLost("10.0.0.2", 256, 3)]),
        journal_octets=4_096,
    )
    return msgspec.structs.replace(whole, **changed)
