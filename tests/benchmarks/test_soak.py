"""A soak finds a leak that an operator would meet in a month, and takes no saw-tooth for one."""

from __future__ import annotations

import math
import os
import random
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.soak import JUDGED, Soaked, judge
from benchmarks.soak_load import Load, Order
from benchmarks.soak_sample import family, octets, processes
from benchmarks.trend import trend
from ingest.ipfix import DecoderState, IpfixDecoder
from ingest.sources import discover

HOUR = [5.0 * look for look in range(720)]  # seconds


def seen(leak: float, seed: int) -> list[float]:
    """Memory with a saw-tooth and noise, and so many MB an hour that never come back."""
    chance = random.Random(seed)
    return [500 + leak * s / 3_600 + 16 * (s / 97 % 1) + chance.gauss(0, 3) for s in HOUR]


def test_what_moves_about_is_no_growth() -> None:
    """With 95 % a slope of nothing is taken for one now and then; but not for one that is as large as this."""
    assert not any(trend(HOUR, seen(0, seed)).is_growth(0.02, 4.0) for seed in range(50))


def test_a_leak_is_found_under_the_noise() -> None:
    assert all(trend(HOUR, seen(25, seed)).is_growth(0.02, 4.0) for seed in range(50))


def test_a_slope_is_an_hours_and_its_interval_holds_it() -> None:
    one = trend(HOUR, seen(25, 1))
    assert one.low <= one.slope <= one.high
    assert math.isclose(one.slope, 25, rel_tol=0.3)
    assert math.isclose(one.growth, one.slope * HOUR[-1] / 3_600)


def test_three_looks_are_no_trend() -> None:
    with pytest.raises(ValueError, match="four"):
        trend([1, 2, 3], [1, 2, 3])


def test_what_grows_is_named_and_what_may_grow_is_not() -> None:
    samples = [
        {
            "s": s,
            "descriptors": 100 + s / 60,
            "memory, router (MB)": 80.0,
            "told (MB)": s,
            "queue, calls": 4.0,
        }
        for s in HOUR
    ]
    out = Soaked({}, 2.0, 1.0, 600.0, samples)
    judge(out)
    assert out.growing == ["descriptors"]
    assert out.trends.keys() == samples[0].keys() - {"s"}
    assert "descriptors" in JUDGED


def test_a_server_is_measured_with_all_that_it_has_started() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = dict(family(os.getpid()))
        assert found[os.getpid()] == "driver"
        assert child.pid in found
        with socket.socket():
            figures = processes(os.getpid())
        assert figures["processes"] >= 2
        assert figures["sockets"] >= 1
        assert figures["memory, driver (MB)"] > 1
        child.communicate(b"\n")


def test_the_load_is_what_it_says_and_old_logs_are_removed(tmp_path: Path) -> None:
    """Else a soak would prove nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        now = time.time()
        begin = 1_767_607_200 - 20
        load = Load(
            tmp_path, Order(port.getsockname()[1], begin, now, 0.0, 2, flows=60.0, vault=50.0, activity=20.0)
        )
        hours = 5
        for hour in range(hours):
            load.order.begin_s = begin + 3_600 * hour + 40  # over the hour's end
            load.turn(1.0)
        load.close()
        port.setblocking(False)
        datagrams = []
        with suppress(BlockingIOError):
            while True:
                datagrams.append(port.recv(65_535))
    decoder = IpfixDecoder.restored("exporter", DecoderState())
    assert len(decoder.feed(b"".join(datagrams), True).flows) == 60 * hours
    assert (load.sent.flows, load.sent.vault, load.sent.activity) == (60 * hours, 50 * hours, 20 * hours)
    found = discover([tmp_path / "in"], 600_000_000)
    blocks = [block for partition in found.partitions for block in partition.blocks()]
    assert not found.rejected
    assert sum(len(block.rejected) for block in blocks) == 0
    last = {int(at // 3_600_000_000) for block in blocks for at in block.events.columns["at_us"].tolist()}
    assert max(last) - min(last) <= 2, "older hours are removed"
    assert octets([tmp_path / "in"])[1] == len(list((tmp_path / "in").rglob("PT1H.json")))
