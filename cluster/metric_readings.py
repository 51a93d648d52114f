"""How metrics are read from a snapshot of the server (`cluster.metrics`): labels and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster.snapshot import SinkNow, Snapshot, TcpNow, UdpNow, fates
from ingest.feed_history import FeedNow
from ingest.times import undated

Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float | None]]  # labels and value; None: it is not known


def one(read: Callable[[Snapshot], float | None]) -> Callable[[Snapshot, float], Samples]:
    """One value without labels."""
    return lambda now, _: [((), read(now))]


def by_fate(now: Snapshot, _: float) -> Samples:
    """Records by their fate."""
    found = fates(now.counts, now.filtered)
    yield ("applied",), found.applied
    yield ("late",), found.late
    yield ("rejected",), found.rejected
    yield ("filtered",), sum(found.filtered.values())


def by_reason(now: Snapshot, _: float) -> Samples:
    """Filtered records by reason."""
    return (((reason,), number) for reason, number in fates(now.counts, now.filtered).filtered.items())


def lags(now: Snapshot, _: float) -> Samples:
    """A log with a file for each hour is one source: its files would be labels that come and go for ever."""
    behind: dict[str, float] = {}
    for one in now.sources:
        if not one.finished and one.lag_s is not None:
            name = undated(one.name)
            behind[name] = min(one.lag_s, behind.get(name, one.lag_s))
    return (((name,), lag) for name, lag in sorted(behind.items(), key=lambda pair: (-pair[1], pair[0])))


def sources(now: Snapshot, _: float) -> Samples:
    """How many are at their end, and how many are open."""
    finished = sum(one.finished for one in now.sources)
    yield ("finished",), finished
    yield ("open",), len(now.sources) - finished


def of_sinks(read: Callable[[SinkNow], float | None]) -> Callable[[Snapshot, float], Samples]:
    """A value of each sink."""
    return lambda now, _: [((one.name,), read(one)) for one in now.sinks]


def of_feeds(read: Callable[[FeedNow], float]) -> Callable[[Snapshot, float], Samples]:
    """A value of each feed."""

    def samples(now: Snapshot, _: float) -> Samples:
        found: dict[Labels, float] = {}
        for one in now.feeds:  # several may have one name
            labels = one.name, one.category
            found[labels] = found.get(labels, 0) + read(one)
        return found.items()

    return samples


def down(now: Snapshot, _: float) -> Samples:
    """For how long each source could not be reached."""
    return (((one.name,), one.down_s) for one in now.sources if one.fault)


def behind(now: Snapshot, _: float) -> Samples:
    """What is still to be read of each source that knows it."""
    return (((one.name,), one.behind) for one in now.sources if one.behind is not None)


def lost(now: UdpNow | TcpNow | None) -> Samples:
    """Lost flows by exporter and domain."""
    return (((one.exporter, str(one.domain)), one.flows) for one in (now.lost if now else []))


def seconds(at_us: int | None) -> float | None:
    """A time, in seconds."""
    return None if at_us is None else at_us / 1e6
