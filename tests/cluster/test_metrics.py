"""What Prometheus is told: every figure of a snapshot, under bounded labels and names that hold."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from actors.steps import Counts
from cluster.checkpoints import Store
from cluster.metrics import METRICS
from cluster.observed import checkpoint_now
from cluster.prometheus import ALWAYS, MOST, OTHER, Exporter
from cluster.snapshot import Board, FlowsLost, Snapshot, SourceNow, UdpNow, UdpTotal, fates
from tests.cluster.operating import organisation, under_way
from tests.cluster.snapshots import NOW_US, snapshot

Figures = dict[tuple[str, ...], float]


def exporter(*snapshots: Snapshot) -> tuple[Exporter, Board]:
    board = Board(clock=lambda: 5.0)
    made = Exporter(board, clock=lambda: NOW_US / 1e6)
    for one in snapshots:
        board.post(one)
    return made, board


def asked(made: Exporter) -> Figures:
    registry = CollectorRegistry()
    registry.register(made)
    text = generate_latest(registry).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    figures = {(one.name, *one.labels.values()): one.value for one in samples}
    assert len(figures) == len(samples), "a sample is told twice"
    return figures


def told(one: Snapshot) -> Figures:
    return asked(exporter(one)[0])


def test_every_figure_is_told() -> None:
    figures = told(snapshot())
    expected = {
        ("redshank_records_read_total",): 100,
        ("redshank_records_total", "applied"): 67,
        ("redshank_records_total", "late"): 5,
        ("redshank_records_total", "rejected"): 5,
        ("redshank_records_total", "filtered"): 23,
        ("redshank_records_filtered_total", "no key"): 20,
        ("redshank_records_lost_total",): 7,
        ("redshank_sources", "open"): 3,
        ("redshank_sources", "finished"): 1,
        ("redshank_source_lag_seconds", "edge-1"): 90,
        ("redshank_source_behind_messages", "vaults"): 42,
        ("redshank_source_down_seconds", "new.json"): 33,
        ("redshank_watermark_lag_seconds",): 700,
        ("redshank_inventory_addresses",): 40,
        ("redshank_inventory_resources",): 38,
        ("redshank_inventory_timestamp_seconds",): NOW_US / 1e6 - 5,
        ("redshank_inventory_refused_total",): 2,
        ("redshank_inventory_pages_total",): 1,
        ("redshank_feed_indicators", "tor_exit_node", "list.txt"): 1_210,
        ("redshank_feed_refused_indicators", "tor_exit_node", "list.txt"): 5,
        ("redshank_feed_ended_indicators", "tor_exit_node", "list.txt"): 33,
        ("redshank_feed_forgotten_total", "tor_exit_node", "list.txt"): 2,
        ("redshank_entities",): 183,
        ("redshank_alerts_total", "high"): 2,
        ("redshank_alerts_total", "low"): 0,
        ("redshank_checkpoint_epoch",): 12,
        ("redshank_checkpoint_age_seconds",): 9,
        ("redshank_checkpoint_duration_seconds",): 0.5,
        ("redshank_checkpoint_size_bytes",): 818_031,
        ("redshank_deaths_total",): 1,
        ("redshank_queue_calls", "1"): 4,
        ("redshank_kept_dropped_lines_total", "rejected"): 6,
        ("redshank_sink_waiting_alerts", "hook"): 4,
        ("redshank_sink_oldest_seconds", "hook"): 90,
        ("redshank_sink_delivered_total", "hook"): 8,
        ("redshank_sink_failed_tries_total", "hook"): 5,
        ("redshank_sink_dead_alerts", "hook"): 2,
        ("redshank_sink_held_alerts", "hook"): 1,
        ("redshank_udp_datagrams_total",): 9,
        ("redshank_udp_dropped_datagrams_total",): 1,
        ("redshank_udp_lost_records_total", "256", "10.0.0.1"): 7,
        ("redshank_tcp_messages_total",): 4,
        ("redshank_tcp_bytes_total",): 4_000,
        ("redshank_tcp_lost_records_total", "256", "10.0.0.2"): 3,
        ("redshank_journal_bytes",): 4_096,
        ("redshank_snapshot_age_seconds",): 2,
        ("redshank_ready",): 1,
        ("redshank_idle_seconds",): 0,
    }
    assert expected.items() <= figures.items()
    assert {name for name, *_ in figures} == {one.name for one in METRICS} | set(ALWAYS)


def test_before_the_first_snapshot_it_is_said_not_to_be_ready() -> None:
    figures = asked(exporter()[0])
    assert figures["redshank_ready",] == 0
    assert {name for name, *_ in figures} == set(ALWAYS)


def test_what_is_not_known_is_not_told() -> None:
    figures = told(Snapshot(started_us=0, taken_us=NOW_US))
    assert not {name for name, *_ in figures} & {
        "redshank_checkpoint_epoch",
        "redshank_watermark_lag_seconds",
        "redshank_udp_bytes_total",
        "redshank_tcp_bytes_total",
        "redshank_journal_bytes",
    }


def test_names_follow_the_rules_of_prometheus() -> None:
    for one in METRICS:
        assert re.fullmatch(r"redshank_[a-z]+(_[a-z]+)*", one.name)
        assert not re.search(r"_(milliseconds|minutes|ms|us|octets|count)(_|$)", one.name)
        assert one.about.endswith(".")


def test_labels_are_bounded_and_the_rest_is_summed_up() -> None:
    sources = [SourceNow(name=f"file {n}", lag_s=float(n)) for n in range(1_000)]
    lost = [FlowsLost(f"10.0.{n // 256}.{n % 256}", 1, 2) for n in range(1_000)]
    figures = told(
        snapshot(sources=sources, udp=UdpNow(lost=lost), queues=[1] * 4_096,
                 counts=Counts(filtered={f"reason {n}": 1 for n in range(1_000)}))
    )  # fmt: skip
    for name in ("redshank_source_lag_seconds", "redshank_udp_lost_records_total", "redshank_queue_calls",
                 "redshank_records_filtered_total"):  # fmt: skip
        assert sum(one[0] == name for one in figures) == MOST + 1, name
    assert figures["redshank_source_lag_seconds", "file 999"] == 999
    assert figures["redshank_source_lag_seconds", OTHER] == 999 - MOST
    assert figures["redshank_udp_lost_records_total", OTHER, OTHER] == 2 * (1_000 - MOST)
    assert figures["redshank_queue_calls", OTHER] == 4_096 - MOST


def test_hostile_names_make_no_lines_of_their_own() -> None:
    names = ['a"} 1\nredshank_ready 0', "b\x1b[2J", "c\x07", "c\x08", "d" * 10_000]
    figures = told(snapshot(sources=[SourceNow(name=name, lag_s=1.0) for name in names]))
    labels = [label for name, *labels in figures for label in labels if name == "redshank_source_lag_seconds"]
    assert len(labels) == 4  # two become the same
    assert all(label.isprintable() and len(label) <= 200 for label in labels)
    assert figures["redshank_ready",] == 1


def test_counters_never_fall_in_one_run() -> None:
    made, board = exporter(snapshot())
    asked(made)
    again = msgspec.structs.replace(snapshot().counts, read=60, flows_applied=10, filtered={"no key": 4})
    board.post(snapshot(counts=again))
    figures = asked(made)
    assert figures["redshank_records_read_total",] == 100
    assert figures["redshank_records_total", "applied"] == 67
    assert figures["redshank_records_filtered_total", "no key"] == 20
    board.post(snapshot(counts=again, started_us=NOW_US))
    assert asked(made)["redshank_records_read_total",] == 60


def test_what_is_posted_does_not_change_any_more() -> None:
    counts = Counts(read=1)
    board = Board()
    board.post(snapshot(counts=counts))
    counts.read, counts.late_by_source["x"] = 2, 1
    latest = board.latest()
    assert latest is not None
    assert (latest.counts.read, latest.counts.late_by_source) == (1, {})


def test_a_file_for_each_hour_makes_no_new_label() -> None:
    """In months there would be thousands of them, and no alert on any."""
    names = [
        f"in/KV{vault}/y=2026/m=01/d=05/h={hour:02}/m=00/PT1H.json" for vault in (1, 2) for hour in range(24)
    ]
    sources = [
        SourceNow(name=name, frontier_us=1, lag_s=float(3_600 * at + 5)) for at, name in enumerate(names)
    ]
    figures = told(snapshot(sources=sources))
    lags = {key[1]: value for key, value in figures.items() if key[0] == "redshank_source_lag_seconds"}
    assert lags == {"in/KV1": 5.0, "in/KV2": 24 * 3_600 + 5.0}


def test_the_page_for_operators_names_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(redshank_[a-z_]+)(?:\{[a-z, ]+\})?` \| (.*?) \|$", page, re.MULTILINE))
    assert rows == {**{one.name: one.about for one in METRICS}, **ALWAYS}
    for one in METRICS:
        if one.labels:
            assert f"`{one.name}{{{', '.join(one.labels)}}}`" in page


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return organisation(tmp_path_factory.mktemp("metrics") / "organisation", 1)


def test_a_real_run_is_told(config: Path, tmp_path: Path) -> None:
    with under_way(config, tmp_path / "state", 1) as run:
        progress = run.advance(1)
        manifest = next(Store(tmp_path / "state").manifests())
        now_us = time.time_ns() // 1_000
        sources = [
            SourceNow(name=one.name, frontier_us=one.frontier_us, lag_s=(now_us - one.frontier_us) / 1e6)
            for one in run.runtime.sources(100)
            if one.frontier_us
        ]
        posted = snapshot(
            counts=progress.counts, filtered={}, sources=sources, watermark_us=progress.watermark_us,
            checkpoint=checkpoint_now(manifest, 0.1), taken_us=now_us,
        )  # fmt: skip
    figures = told(posted)
    found = fates(progress.counts, {})
    assert figures["redshank_records_read_total",] == found.read > 0
    assert sum(value for key, value in figures.items() if key[0] == "redshank_records_total") == found.read
    assert figures["redshank_checkpoint_epoch",] >= 1
    assert any(key[0] == "redshank_source_lag_seconds" for key in figures)


def test_what_came_by_udp_counts_on_when_the_port_is_opened_anew() -> None:
    """Else nobody hears of drops after a death until there are more of them than before it."""
    total = UdpTotal()
    total.with_now(UdpNow(datagrams=9, octets=900, dropped=2))
    before = total.with_now(UdpNow(datagrams=10, octets=1_000, dropped=3))
    total.begin_again()
    after = total.with_now(UdpNow(datagrams=1, octets=100, dropped=1))
    assert (before.datagrams, before.dropped) == (10, 3)
    assert (after.datagrams, after.octets, after.dropped) == (11, 1_100, 4)
    total.begin_again()
    total.begin_again()
    assert total.with_now(UdpNow()).datagrams == 11, "twice, before anything has come"
