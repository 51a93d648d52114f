"""How a long-running command stands at one moment, as plain values: what metrics, health and logs tell of.

The main loop makes a `Snapshot` now and then and posts it on a `Board`; other threads read it from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec

from actors.steps import Counts
from ingest.feed_history import FeedNow
from ingest.told_holders import HoldersNow

STARTING, RUNNING, STOPPING = "starting", "running", "stopping"  # phases


class SourceNow(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source was read."""

    name: str
    frontier_us: int | None = None  # the greatest event time read; None: nothing was read yet
    lag_s: float | None = None  # how far that is behind the clock
    watermark_us: int | None = None
    finished: bool = False
    fault: str = ""  # why nothing can be read of it now
    down_s: float = 0.0  # how long ago that began
    behind: int | None = None  # messages of a stream that were not read yet


class CheckpointNow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint that holds: the one that was restored, or taken since."""

    epoch: int
    written_us: int
    took_s: float | None = None  # from its mark until it held; None: it is an earlier run's
    octets: int = 0  # of all its parts


class FlowsLost(msgspec.Struct, frozen=True):
    """Flows that an exporter sent and that never came, by its sequence numbers."""

    exporter: str
    domain: int
    flows: int


class UdpNow(msgspec.Struct, frozen=True, kw_only=True):
    """What came by UDP since the start."""

    datagrams: int = 0
    octets: int = 0
    dropped: int = 0  # datagrams that came and found no room
    lost: list[FlowsLost] = []


class TcpNow(msgspec.Struct, frozen=True, kw_only=True):
    """What came by TCP since the start. Exporters are made to wait, so nothing is dropped."""

    messages: int = 0
    octets: int = 0
    lost: list[FlowsLost] = []


UNSETTLED = "judged by who was known to hold their addresses, for too many waited until that was settled"


class UdpTotal:
    """What came since this process began: ports count from 0 again after each death.

    What is lost by numbers is counted again with the datagrams that are read again, and `Counts.lost` has it once.
    """

    def __init__(self) -> None:
        self._before = self._now = UdpNow()

    def begin_again(self) -> None:
        """The ports are about to be opened anew."""
        self._before = self._now

    def with_now(self, now: UdpNow) -> UdpNow:
        """That, with what came before."""
        before = self._before
        self._now = UdpNow(
            datagrams=before.datagrams + now.datagrams,
            octets=before.octets + now.octets,
            dropped=before.dropped + now.dropped,
            lost=now.lost,
        )
        return self._now


class SinkNow(msgspec.Struct, frozen=True, kw_only=True):
    """How one sink stands. What waits and what is dead is in the store; the counts are since this process began."""

    name: str
    kind: str
    waiting: int = 0
    oldest_s: float | None = None  # for how long the oldest of them waits
    dead: int = 0
    held: int = 0  # by a cap, until a later message names them
    delivered: int = 0
    failed: int = 0  # tries
    forgotten: int = 0  # given up or held back, and so many that they can't be put back any more
    fault: str = ""  # why it can't be reached now


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One moment. Counts are those of the run, from its first start on; others are since this process began it."""

    started_us: int  # when this process began the run
    taken_us: int
    phase: str = STARTING
    # Records
    counts: Counts = msgspec.field(default_factory=Counts)  # the router's
    filtered: dict[
        str, int
    ] = {}  # the aggregator's, by reason: found by shards, and among `counts.events_sent`
    # What is known
    entities: int = 0
    alerts: dict[str, int] = {}  # raised, by severity
    shadow: int = 0  # alerts of detections in shadow
    unknown_systems: int = 0  # addresses whose network could not be looked up: the database is damaged
    expected: int = 0  # alerts told lower, for all who did it are expected to
    open_hours: int = 0
    watermark_us: int | None = None
    holders: HoldersNow | None = None  # where telemetry tells who holds which address
    feeds: list[FeedNow] = []
    sources: list[SourceNow] = []
    sources_open: bool = False  # all were found and opened
    # What must not be lost
    checkpoint: CheckpointNow | None = None
    store_fault: str = ""  # why the store can't be used now
    deaths: int = 0  # of actors, workers and nodes
    recoveries: int = 0
    kept_dropped: dict[str, int] = {}  # lines that fell out of `withheld`, `rejected` and `shadow`
    # What waits
    held: str = ""  # why nothing is read for now
    alerts_waiting: int = 0  # for the file or the store of alerts
    queues: list[int] = []  # calls in flight, by shard
    sinks: list[SinkNow] = []
    udp: UdpNow | None = None
    tcp: TcpNow | None = None
    journal_octets: int | None = None


class Fates(msgspec.Struct, frozen=True, kw_only=True):
    """read = applied + late + rejected + filtered."""

    read: int
    applied: int
    late: int
    rejected: int
    filtered: dict[str, int]  # by reason
    lost: int  # before they came here: not among `read`
    unsettled: int = 0  # flows among the applied and filtered: before it was settled who held their addresses


def fates(counts: Counts, filtered_later: dict[str, int]) -> Fates:
    """What became of the records; the shards filter some of those that the router has sent."""
    filtered = dict(counts.filtered)
    for reason, number in filtered_later.items():
        filtered[reason] = filtered.get(reason, 0) + number
    applied = counts.flows_applied + counts.events_sent - sum(filtered_later.values())
    return Fates(
        read=counts.read,
        applied=applied,
        late=counts.late,
        rejected=counts.rejected,
        filtered=filtered,
        lost=counts.lost,
        unsettled=counts.unsettled,
    )


class Board:
    """Where the main loop posts how it stands. Snapshots are packed at once: nobody sees one half changed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._packed: bytes | None = None
        self._moved_at = clock()
        self._begins_again, self._store_fault = False, ""

    def begins_again(self, store_fault: str = "") -> None:
        """After a death, or with another number of shards: until the next snapshot it is starting, which may take long."""
        with self._lock:
            self._begins_again, self._store_fault, self._moved_at = True, store_fault, self._clock()

    def post(self, snapshot: Snapshot) -> None:
        """The newest one, and a sign of life."""
        packed = msgspec.msgpack.encode(snapshot)
        with self._lock:
            self._packed, self._begins_again = packed, False
            self._moved_at = self._clock()

    def moved(self) -> None:
        """A sign of life of the main loop, where a snapshot would be too much."""
        with self._lock:
            self._moved_at = self._clock()

    def idle_s(self) -> float:
        """How long ago the last sign of life was."""
        with self._lock:
            return self._clock() - self._moved_at

    def latest(self) -> Snapshot | None:
        """The newest one; None before the first."""
        with self._lock:
            packed, again, fault = self._packed, self._begins_again, self._store_fault
        if packed is None:
            return None
        snapshot = msgspec.msgpack.decode(packed, type=Snapshot)
        return msgspec.structs.replace(snapshot, phase=STARTING, store_fault=fault) if again else snapshot
