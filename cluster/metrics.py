"""Which metrics there are, and how each is read from a snapshot of the server; `cluster.prometheus` tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cluster.snapshot import SinkNow, Snapshot, TcpNow, UdpNow, fates
from detections.declare import SEVERITIES
from ingest.feed_history import FeedNow
from ingest.times import undated

Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float | None]]  # labels and value; None: it is not known


@dataclass(frozen=True, slots=True)
class Told:
    """One metric: what it is called and means, and how it is read from a snapshot."""

    name: str
    about: str
    read: Callable[[Snapshot, float], Samples]  # ... and the time now, in seconds
    labels: tuple[str, ...] = ()
    joined: Callable[[float, float], float] = lambda one, other: one + other  # of what is summed up

    @property
    def counts(self) -> bool:
        """Whether it is a counter; the others are gauges."""
        return self.name.endswith("_total")


def _one(read: Callable[[Snapshot], float | None]) -> Callable[[Snapshot, float], Samples]:
    return lambda now, _: [((), read(now))]


def _fates(now: Snapshot, _: float) -> Samples:
    found = fates(now.counts, now.filtered)
    yield ("applied",), found.applied
    yield ("late",), found.late
    yield ("rejected",), found.rejected
    yield ("filtered",), sum(found.filtered.values())


def _filtered(now: Snapshot, _: float) -> Samples:
    return (((reason,), number) for reason, number in fates(now.counts, now.filtered).filtered.items())


def _lags(now: Snapshot, _: float) -> Samples:
    """A log with a file for each hour is one source: its files would be labels that come and go for ever."""
    behind: dict[str, float] = {}
    for one in now.sources:
        if not one.finished and one.lag_s is not None:
            name = undated(one.name)
            behind[name] = min(one.lag_s, behind.get(name, one.lag_s))
    return (((name,), lag) for name, lag in sorted(behind.items(), key=lambda pair: (-pair[1], pair[0])))


def _sources(now: Snapshot, _: float) -> Samples:
    finished = sum(one.finished for one in now.sources)
    yield ("finished",), finished
    yield ("open",), len(now.sources) - finished


def _of_sinks(read: Callable[[SinkNow], float | None]) -> Callable[[Snapshot, float], Samples]:
    return lambda now, _: [((one.name,), read(one)) for one in now.sinks]


def _of_feeds(read: Callable[[FeedNow], float]) -> Callable[[Snapshot, float], Samples]:
    def samples(now: Snapshot, _: float) -> Samples:
        found: dict[Labels, float] = {}
        for one in now.feeds:  # several may have one name
            labels = one.name, one.category
            found[labels] = found.get(labels, 0) + read(one)
        return found.items()

    return samples


def _down(now: Snapshot, _: float) -> Samples:
    return (((one.name,), one.down_s) for one in now.sources if one.fault)


def _behind(now: Snapshot, _: float) -> Samples:
    return (((one.name,), one.behind) for one in now.sources if one.behind is not None)


def _lost(now: UdpNow | TcpNow | None) -> Samples:
    return (((one.exporter, str(one.domain)), one.flows) for one in (now.lost if now else []))


def _seconds(at_us: int | None) -> float | None:
    return None if at_us is None else at_us / 1e6


METRICS = (
    Told(
        "redshank_records_read_total",
        "Records read from all sources.",
        _one(lambda now: now.counts.read),
    ),
    Told("redshank_records_total", "Records by their fate; the four add up to those read.", _fates, ("fate",)),
    Told("redshank_records_filtered_total", "Filtered records by reason.", _filtered, ("reason",)),
    Told(
        "redshank_records_lost_total",
        "Flows that exporters' sequence numbers say were sent and that never came.",
        _one(lambda now: now.counts.lost),
    ),
    Told(
        "redshank_flows_unsettled_total",
        "Flows judged before it was settled who held their addresses, for too many waited for that.",
        _one(lambda now: now.counts.unsettled if now.holders else None),
    ),
    Told("redshank_sources", "Sources, by whether they are at their end.", _sources, ("state",)),
    Told(
        "redshank_source_lag_seconds",
        "How far the newest event time of a source is behind the clock; files of hours are one. 'other': the largest of the rest.",
        _lags,
        ("source",),
        max,
    ),
    Told(
        "redshank_source_down_seconds",
        "For how long nothing can be read of a source; only those that are down are there. 'other': the longest of the rest.",
        _down,
        ("source",),
        max,
    ),
    Told(
        "redshank_source_behind_messages",
        "Messages of a partition of a stream that were not read yet.",
        _behind,
        ("source",),
    ),
    Told(
        "redshank_watermark_timestamp_seconds",
        "Event time before which no record is waited for any more.",
        _one(lambda now: _seconds(now.watermark_us)),
    ),
    Told(
        "redshank_watermark_lag_seconds",
        "How far the watermark is behind the clock.",
        lambda now, at: [((), None if now.watermark_us is None else at - now.watermark_us / 1e6)],
    ),
    Told("redshank_open_hours", "Hours that are not closed yet.", _one(lambda now: now.open_hours)),
    Told(
        "redshank_inventory_addresses",
        "Addresses that somebody holds, by what telemetry tells.",
        _one(lambda now: now.holders.addresses if now.holders else None),
    ),
    Told(
        "redshank_inventory_resources",
        "Resources that hold them.",
        _one(lambda now: now.holders.resources if now.holders else None),
    ),
    Told(
        "redshank_inventory_timestamp_seconds",
        "Event time of the newest that telemetry told of who holds an address.",
        _one(lambda now: _seconds(now.holders.newest_us or None) if now.holders else None),
    ),
    Told(
        "redshank_inventory_refused_total",
        "Machines, interfaces and public addresses that were told beyond the bound.",
        _one(lambda now: now.holders.refused if now.holders else None),
    ),
    Told(
        "redshank_inventory_pages_total",
        "Pictures of the network that were taken for full pages of larger ones.",
        _one(lambda now: now.holders.pages if now.holders else None),
    ),
    Told(
        "redshank_inventory_hurried_total",
        "What was told of who holds an address and counted before all that is older had come, for too much waited.",
        _one(lambda now: now.holders.hurried if now.holders else None),
    ),
    Told(
        "redshank_feed_indicators",
        "Indicators that a feed of threat intelligence has now.",
        _of_feeds(lambda one: one.indicators),
        ("feed", "category"),
    ),
    Told(
        "redshank_feed_ended_indicators",
        "Indicators that a feed has no more, known for the hours in which it had them.",
        _of_feeds(lambda one: one.ended),
        ("feed", "category"),
    ),
    Told(
        "redshank_feed_forgotten_total",
        "Of these, the ones beyond a million that are not known any more.",
        _of_feeds(lambda one: one.forgotten),
        ("feed", "category"),
    ),
    Told("redshank_entities", "Entities that are known.", _one(lambda now: now.entities)),
    Told(
        "redshank_alerts_total",
        "Alerts raised, by severity.",
        lambda now, _: (((name,), now.alerts.get(name, 0)) for name in SEVERITIES),
        ("severity",),
    ),
    Told(
        "redshank_shadow_alerts_total",
        "Alerts of detections in shadow, which are recorded apart.",
        _one(lambda now: now.shadow),
    ),
    Told(
        "redshank_network_lookups_failed_total",
        "Addresses whose network could not be looked up, for the database of networks is damaged.",
        _one(lambda now: now.unknown_systems),
    ),
    Told(
        "redshank_expected_alerts_total",
        "Alerts told a step lower, since all who did it are expected to.",
        _one(lambda now: now.expected),
    ),
    Told(
        "redshank_checkpoint_epoch",
        "Number of the newest checkpoint.",
        _one(lambda now: now.checkpoint.epoch if now.checkpoint else None),
    ),
    Told(
        "redshank_checkpoint_age_seconds",
        "How long ago the newest checkpoint was written.",
        lambda now, at: [((), at - now.checkpoint.written_us / 1e6 if now.checkpoint else None)],
    ),
    Told(
        "redshank_checkpoint_duration_seconds",
        "How long the newest checkpoint took until it held.",
        _one(lambda now: now.checkpoint.took_s if now.checkpoint else None),
    ),
    Told(
        "redshank_checkpoint_size_bytes",
        "All parts of the newest checkpoint.",
        _one(lambda now: now.checkpoint.octets if now.checkpoint else None),
    ),
    Told(
        "redshank_deaths_total", "Actors, workers and nodes that died.", _one(lambda now: now.deaths)
    ),
    Told(
        "redshank_recoveries_total",
        "Times that the run went back to its last checkpoint.",
        _one(lambda now: now.recoveries),
    ),
    Told(
        "redshank_kept_dropped_lines_total",
        "Lines that fell out of rejected.jsonl, withheld.jsonl and shadow.jsonl, which keep the newest.",
        lambda now, _: (((name,), lines) for name, lines in sorted(now.kept_dropped.items())),
        ("file",),
    ),
    Told(
        "redshank_held",
        "1 while nothing is read, since what comes of it could not be handed over; else 0.",
        _one(lambda now: float(bool(now.held))),
    ),
    Told(
        "redshank_alerts_waiting",
        "Alerts that wait for the file or the store of alerts; at 10,000 nothing more is read.",
        _one(lambda now: now.alerts_waiting),
    ),
    Told(
        "redshank_queue_calls",
        "Calls in flight to each shard.",
        lambda now, _: (((str(shard),), calls) for shard, calls in enumerate(now.queues)),
        ("shard",),
    ),
    Told(
        "redshank_sink_waiting_alerts",
        "Words on alerts that wait to be delivered to a sink.",
        _of_sinks(lambda one: one.waiting),
        ("sink",),
    ),
    Told(
        "redshank_sink_oldest_seconds",
        "For how long the oldest of them waits.",
        _of_sinks(lambda one: one.oldest_s),
        ("sink",),
        max,
    ),
    Told(
        "redshank_sink_delivered_total",
        "Words on alerts that a sink has taken.",
        _of_sinks(lambda one: one.delivered),
        ("sink",),
    ),
    Told(
        "redshank_sink_failed_tries_total",
        "Tries that a sink did not take, for now or for good.",
        _of_sinks(lambda one: one.failed),
        ("sink",),
    ),
    Told(
        "redshank_sink_dead_alerts",
        "Words on alerts that were given up until `redshank sinks retry`.",
        _of_sinks(lambda one: one.dead),
        ("sink",),
    ),
    Told(
        "redshank_sink_forgotten_total",
        "Words on alerts that were given up or held back, and can't be put back any more: the oldest beyond 100,000.",
        _of_sinks(lambda one: one.forgotten),
        ("sink",),
    ),
    Told(
        "redshank_sink_held_alerts",
        "Alerts that the day's bound holds back, until a later message names them.",
        _of_sinks(lambda one: one.held),
        ("sink",),
    ),
    Told(
        "redshank_udp_datagrams_total",
        "Datagrams that came by UDP.",
        _one(lambda now: now.udp.datagrams if now.udp else None),
    ),
    Told(
        "redshank_udp_bytes_total", "Octets that came by UDP.", _one(lambda now: now.udp.octets if now.udp else None)
    ),
    Told(
        "redshank_udp_dropped_datagrams_total",
        "Datagrams that came and found no room.",
        _one(lambda now: now.udp.dropped if now.udp else None),
    ),
    Told(
        "redshank_udp_lost_records_total",
        "Flows that an exporter sent by UDP and that never came, by its sequence numbers.",
        lambda now, _: _lost(now.udp),
        ("exporter", "domain"),
    ),
    Told(
        "redshank_tcp_messages_total",
        "Messages that came by TCP.",
        _one(lambda now: now.tcp.messages if now.tcp else None),
    ),
    Told(
        "redshank_tcp_bytes_total", "Octets that came by TCP.", _one(lambda now: now.tcp.octets if now.tcp else None)
    ),
    Told(
        "redshank_tcp_lost_records_total",
        "Flows that an exporter sent by TCP and that never came, by its sequence numbers.",
        lambda now, _: _lost(now.tcp),
        ("exporter", "domain"),
    ),
    Told(
        "redshank_journal_bytes",
        "Octets in the journal of what came and is not in a checkpoint yet.",
        _one(lambda now: now.journal_octets),
    ),
    Told(
        "redshank_start_time_seconds", "When this process began.", _one(lambda now: _seconds(now.started_us))
    ),
    Told(
        "redshank_snapshot_age_seconds",
        "How old these figures are.",
        lambda now, at: [((), at - now.taken_us / 1e6)],
    ),
)  # fmt: skip
