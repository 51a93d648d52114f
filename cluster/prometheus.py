"""The metrics as Prometheus asks for them. Labels have few values: what goes beyond a bound is summed as 'other'."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alerts.output import plain
from cluster.metrics import METRICS, Labels, Samples, Told
from cluster.readiness import not_ready
from cluster.snapshot import Board, Snapshot

MOST = 100  # values of a label
LONGEST = 200  # letters of one
OTHER = "other"
# Known before the first snapshot, too.
ALWAYS = {
    "redshank_build_info": "The version that runs; always 1.",
    "redshank_ready": "1 if /readyz says so, else 0.",
    "redshank_idle_seconds": "How long ago the main loop last moved on.",
}


class Exporter(Collector):
    """Reads the board whenever Prometheus asks.

    Counters never fall, though counts may: after a death the run reads some records anew, and what a shard finds
    delivered twice was first counted as applied. Prometheus would take that for a new start.
    """

    def __init__(self, board: Board, clock: Callable[[], float] = time.time) -> None:
        self._board, self._clock = board, clock
        self._lock = threading.Lock()  # two may ask at once
        self._started_us = 0
        self._highest: dict[str, dict[Labels, float]] = {}  # counters' samples

    def collect(self) -> Iterator[Metric]:
        """All metrics that are known now."""
        snapshot = self._board.latest()
        build = GaugeMetricFamily("redshank_build_info", ALWAYS["redshank_build_info"], labels=["version"])
        build.add_metric([version("redshank")], 1)
        yield build
        always = {
            "redshank_ready": float(not not_ready(snapshot)),
            "redshank_idle_seconds": self._board.idle_s(),
        }
        for name, value in always.items():
            yield GaugeMetricFamily(name, ALWAYS[name], value=value)
        if snapshot is not None:
            now = self._clock()
            yield from (self._family(one, snapshot, now) for one in METRICS)

    def _family(self, one: Told, snapshot: Snapshot, now: float) -> Metric:
        kind = CounterMetricFamily if one.counts else GaugeMetricFamily
        family = kind(one.name, one.about, labels=list(one.labels))
        samples = capped(one.read(snapshot, now), one.joined)
        if one.counts:
            samples = self._never_falling(one.name, samples, snapshot.started_us)
        for labels, value in samples.items():
            family.add_metric(list(labels), value)
        return family

    def _never_falling(self, name: str, samples: dict[Labels, float], started_us: int) -> dict[Labels, float]:
        with self._lock:
            if started_us != self._started_us:
                self._started_us, self._highest = started_us, {}
            before = self._highest.get(name, {})
            self._highest[name] = {key: max(value, before.get(key, 0)) for key, value in samples.items()}
            return self._highest[name]


def capped(samples: Samples, joined: Callable[[float, float], float]) -> dict[Labels, float]:
    """The first so many by their labels, the rest as 'other'. Labels are cut and hold nothing unprintable."""
    found: dict[Labels, float] = {}
    for labels, value in samples:
        if value is None:
            continue
        key = tuple(plain(label[:LONGEST]) for label in labels)
        if key not in found and len(found) >= MOST:
            key = (OTHER,) * len(key)
        found[key] = joined(found[key], value) if key in found else value
    return found


def registry(board: Board) -> CollectorRegistry:
    """What /metrics tells: ours, and this process's memory and processor time."""
    made = CollectorRegistry()
    made.register(Exporter(board))
    ProcessCollector(registry=made)
    return made
