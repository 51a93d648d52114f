"""Which metrics there are, and how each is read from a snapshot of the server; `cluster.prometheus` tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cluster import metric_readings as read
from cluster.metric_readings import Labels, Samples
from cluster.snapshot import Snapshot
from detections.declare import SEVERITIES

__all__ = ["METRICS", "Labels", "Samples", "Told"]


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


METRICS = (
    Told(
        "redshank_records_read_total",
        "Records read from all sources.",
        read.one(lambda now: now.counts.read),
    ),
    Told("redshank_records_total", "Records by their fate; the four add up to those read.", read.by_fate, ("fate",)),
    Told("redshank_records_filtered_total", "Filtered records by reason.", read.by_reason, ("reason",)),
    Told(
        "redshank_records_lost_total",
        "Flows that exporters' sequence numbers say were sent and that never came.",
        read.one(lambda now: now.counts.lost),
    ),
    Told(
        "redshank_flows_unsettled_total",
        "Flows judged before it was settled who held their addresses, for too many waited for that.",
        read.one(lambda now: now.counts.unsettled if now.holders else None),
    ),
    Told("redshank_sources", "Sources, by whether they are at their end.", read.sources, ("state",)),
    Told(
        "redshank_source_lag_seconds",
        "How far the newest event time of a source is behind the clock; files of hours are one. 'other': the largest of the rest.",
        read.lags,
        ("source",),
        max,
    ),
    Told(
        "redshank_source_down_seconds",
        "For how long nothing can be read of a source; only those that are down are there. 'other': the longest of the rest.",
        read.down,
        ("source",),
        max,
    ),
    Told(
        "redshank_source_behind_messages",
        "Messages of a partition of a stream that were not read yet.",
        read.behind,
        ("source",),
    ),
    Told(
        "redshank_watermark_timestamp_seconds",
        "Event time before which no record is waited for any more.",
        read.one(lambda now: read.seconds(now.watermark_us)),
    ),
    Told(
        "redshank_watermark_lag_seconds",
        "How far the watermark is behind the clock.",
        lambda now, at: [((), None if now.watermark_us is None else at - now.watermark_us / 1e6)],
    ),
    Told("redshank_open_hours", "Hours that are not closed yet.", read.one(lambda now: now.open_hours)),
    Told(
        "redshank_inventory_addresses",
        "Addresses that somebody holds, by what telemetry tells.",
        read.one(lambda now: now.holders.addresses if now.holders else None),
    ),
    Told(
        "redshank_inventory_resources",
        "Resources that hold them.",
        read.one(lambda now: now.holders.resources if now.holders else None),
    ),
    Told(
        "redshank_inventory_timestamp_seconds",
        "Event time of the newest that telemetry told of who holds an address.",
        read.one(lambda now: read.seconds(now.holders.newest_us or None) if now.holders else None),
    ),
    Told(
        "redshank_inventory_refused_total",
        "Machines, interfaces and public addresses that were told beyond the bound.",
        read.one(lambda now: now.holders.refused if now.holders else None),
    ),
    Told(
        "redshank_inventory_pages_total",
        "Pictures of the network that were taken for full pages of larger ones.",
        read.one(lambda now: now.holders.pages if now.holders else None),
    ),
    Told(
        "redshank_inventory_hurried_total",
        "What was told of who holds an address and counted before all that is older had come, for too much waited.",
        read.one(lambda now: now.holders.hurried if now.holders else None),
    ),
    Told(
        "redshank_feed_indicators",
        "Indicators that a feed of threat intelligence has now.",
        read.of_feeds(lambda one: one.indicators),
        ("feed", "category"),
    ),
    Told(
        "redshank_feed_refused_indicators",
        "Entries of what a feed says now that can't be taken; rejected.jsonl has the first thousand of each version.",
        read.of_feeds(lambda one: one.refused),
        ("feed", "category"),
    ),
    Told(
        "redshank_feed_ended_indicators",
        "Indicators that a feed has no more, known for the hours in which it had them.",
        read.of_feeds(lambda one: one.ended),
        ("feed", "category"),
    ),
    Told(
        "redshank_feed_forgotten_total",
        "Of these, the ones beyond a million that are not known any more.",
        read.of_feeds(lambda one: one.forgotten),
        ("feed", "category"),
    ),
    Told("redshank_entities", "Entities that are known.", read.one(lambda now: now.entities)),
    Told(
        "redshank_alerts_total",
        "Alerts raised, by severity.",
        lambda now, _: (((name,), now.alerts.get(name, 0)) for name in SEVERITIES),
        ("severity",),
    ),
    Told(
        "redshank_shadow_alerts_total",
        "Alerts of detections in shadow, which are recorded apart.",
        read.one(lambda now: now.shadow),
    ),
    Told(
        "redshank_network_lookups_failed_total",
        "Addresses whose network could not be looked up, for the database of networks is damaged.",
        read.one(lambda now: now.unknown_systems),
    ),
    Told(
        "redshank_expected_alerts_total",
        "Alerts told a step lower, since all who did it are expected to.",
        read.one(lambda now: now.expected),
    ),
    Told(
        "redshank_checkpoint_epoch",
        "Number of the newest checkpoint.",
        read.one(lambda now: now.checkpoint.epoch if now.checkpoint else None),
    ),
    Told(
        "redshank_checkpoint_age_seconds",
        "How long ago the newest checkpoint was written.",
        lambda now, at: [((), at - now.checkpoint.written_us / 1e6 if now.checkpoint else None)],
    ),
    Told(
        "redshank_checkpoint_duration_seconds",
        "How long the newest checkpoint took until it held.",
        read.one(lambda now: now.checkpoint.took_s if now.checkpoint else None),
    ),
    Told(
        "redshank_checkpoint_size_bytes",
        "All parts of the newest checkpoint.",
        read.one(lambda now: now.checkpoint.octets if now.checkpoint else None),
    ),
    Told(
        "redshank_deaths_total", "Actors, workers and nodes that died.", read.one(lambda now: now.deaths)
    ),
    Told(
        "redshank_recoveries_total",
        "Times that the run went back to its last checkpoint.",
        read.one(lambda now: now.recoveries),
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
        read.one(lambda now: float(bool(now.held))),
    ),
    Told(
        "redshank_alerts_waiting",
        "Alerts that wait for the file or the store of alerts; at 10,000 nothing more is read.",
        read.one(lambda now: now.alerts_waiting),
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
        read.of_sinks(lambda one: one.waiting),
        ("sink",),
    ),
    Told(
        "redshank_sink_oldest_seconds",
        "For how long the oldest of them waits.",
        read.of_sinks(lambda one: one.oldest_s),
        ("sink",),
        max,
    ),
    Told(
        "redshank_sink_delivered_total",
        "Words on alerts that a sink has taken.",
        read.of_sinks(lambda one: one.delivered),
        ("sink",),
    ),
    Told(
        "redshank_sink_failed_tries_total",
        "Tries that a sink did not take, for now or for good.",
        read.of_sinks(lambda one: one.failed),
        ("sink",),
    ),
    Told(
        "redshank_sink_dead_alerts",
        "Words on alerts that were given up until `redshank sinks retry`.",
        read.of_sinks(lambda one: one.dead),
        ("sink",),
    ),
    Told(
        "redshank_sink_forgotten_total",
        "Words on alerts that were given up or held back, and can't be put back any more: the oldest beyond 100,000.",
        read.of_sinks(lambda one: one.forgotten),
        ("sink",),
    ),
    Told(
        "redshank_sink_held_alerts",
        "Alerts that the day's bound holds back, until a later message names them.",
        read.of_sinks(lambda one: one.held),
        ("sink",),
    ),
    Told(
        "redshank_udp_datagrams_total",
        "Datagrams that came by UDP.",
        read.one(lambda now: now.udp.datagrams if now.udp else None),
    ),
    Told(
        "redshank_udp_bytes_total", "Octets that came by UDP.", read.one(lambda now: now.udp.octets if now.udp else None)
    ),
    Told(
        "redshank_udp_dropped_datagrams_total",
        "Datagrams that came and found no room.",
        read.one(lambda now: now.udp.dropped if now.udp else None),
    ),
    Told(
        "redshank_udp_lost_records_total",
        "Flows that an exporter sent by UDP and that never came, by its sequence numbers.",
        lambda now, _: read.lost(now.udp),
        ("exporter", "domain"),
    ),
    Told(
        "redshank_tcp_messages_total",
        "Messages that came by TCP.",
        read.one(lambda now: now.tcp.messages if now.tcp else None),
    ),
    Told(
        "redshank_tcp_bytes_total", "Octets that came by TCP.", read.one(lambda now: now.tcp.octets if now.tcp else None)
    ),
    Told(
        "redshank_tcp_lost_records_total",
        "Flows that an exporter sent by TCP and that never came, by its sequence numbers.",
        lambda now, _: read.lost(now.tcp),
        ("exporter", "domain"),
    ),
    Told(
        "redshank_journal_bytes",
        "Octets in the journal of what came and is not in a checkpoint yet.",
        read.one(lambda now: now.journal_octets),
    ),
    Told(
        "redshank_start_time_seconds", "When this process began.", read.one(lambda now: read.seconds(now.started_us))
    ),
    Told(
        "redshank_snapshot_age_seconds",
        "How old these figures are.",
        lambda now, at: [((), at - now.taken_us / 1e6)],
    ),
)  # fmt: skip
