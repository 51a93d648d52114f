"""A feed that changes for months costs a server no more than what it says, and has said lately."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest

from actors.memory import give_back
from cluster.feed_sources import FeedSource
from cluster.feed_watch import renew
from cluster.feeds import Feeds
from cluster.ray_runtime import RayRuntime
from ingest.enrich import Enrichment
from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.records import HOUR_US
from ingest.threat_intel import Indicators
from tests.cluster.test_feeds import Slow, begun, values

SIZE = 2_000


class Ref:
    """Of an object in Ray's store: as long as somebody has one, it is not freed."""

    def __init__(self, what: Any) -> None:
        self.what = what


class Ray:
    """Its store of objects, and an actor that is told of them."""

    def __init__(self) -> None:
        self.put_ones: list[weakref.ref[Ref]] = []
        self.told: list[list[str]] = []
        self.hear = self.renew = self

    def put(self, what: Any) -> Ref:
        ref = Ref(what)
        self.put_ones.append(weakref.ref(ref))
        return ref

    def get(self, refs: Any, timeout: float) -> Any:
        return refs

    def remote(self, told: list[Ref]) -> None:
        self.told.append(values(told[0].what))


def on_ray(ray: Ray) -> RayRuntime:
    from cluster.deadline import Deadline

    runtime = RayRuntime.__new__(RayRuntime)
    runtime.deadline, runtime._ray = Deadline(), ray
    runtime._built = Enrichment(Inventory.from_networks(()), Indicators(), Geography.open(None))
    runtime._readers, runtime._feeders = [ray], []
    runtime._aggregator = runtime._router = ray
    runtime._share()
    return runtime


def write(folder: Path, number: int) -> None:
    """A wholly new feed."""
    lines = [f"198.{number}.{one // 250}.{one % 250 + 1}" for one in range(SIZE)]
    (folder / "tor.txt").write_text("\n".join(lines))


def changed(run: Any, feeds: Feeds, source: FeedSource, at_us: int) -> None:
    said = source.ask({})
    assert said is not None
    renew(run, feeds, {source: said}, lambda *words, **about: None, lambda: at_us)


def test_on_ray_each_version_of_the_feeds_stands_once_and_the_one_before_it_goes(tmp_path: Path) -> None:
    """What stays in Ray's store of objects is shared memory of the machine."""
    write(tmp_path, 10)
    feeds = begun(tmp_path, 'path = "tor.txt"')
    ray = Ray()
    runtime, run = on_ray(ray), Slow([0], [1] * 5)
    run.runtime = runtime  # type: ignore[assignment]
    at_start = len(ray.put_ones)
    for number in range(11, 16):
        write(tmp_path, number)
        changed(run, feeds, feeds.sources[0], 0)
    assert len(ray.put_ones) == at_start + 5
    held = [ref() for ref in ray.put_ones if ref() is not None]
    assert held == runtime._shared, "what the next beginning needs, and nothing else"
    assert "198.15.0.1" in ray.told[-1]
    about, indicators = (one.what for one in runtime._shared)
    assert values(Enrichment.of(about, indicators).indicators) == ray.told[-1]


def test_a_feed_that_is_wholly_new_again_and_again_leaves_nothing_behind(tmp_path: Path) -> None:
    write(tmp_path, 10)
    feeds = begun(tmp_path, 'path = "tor.txt"')
    run = Slow([0], [1] * 8)
    blocks = []
    for number in range(11, 19):
        write(tmp_path, number)
        changed(run, feeds, feeds.sources[0], 0)
        run.told, run.kept = run.told[-1:], run.kept[-1:]
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    assert blocks[-1] - blocks[1] < SIZE / 2, blocks


def test_what_a_change_has_used_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    write(tmp_path, 10)
    feeds = begun(tmp_path, 'path = "tor.txt"')
    run = Slow([0], [1])
    monkeypatch.setattr("cluster.feed_watch.give_back", lambda: told.append(len(run.told)))
    write(tmp_path, 11)
    changed(run, feeds, feeds.sources[0], HOUR_US)
    assert told == [1], "once all parts of the run have the new feed, and none the old one"


FREED = """
import re
from actors.memory import give_back

def megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10

held = [bytearray(60_000) for _ in range(1_000)]
last = held.pop()
del held
before = megabytes()
give_back()
print(before - megabytes())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory in use is read from /proc")
def test_the_machine_gets_what_was_freed_behind_something_that_stays() -> None:
    give_back()  # harmless anywhere
    if not hasattr(__import__("ctypes").CDLL(None), "malloc_trim"):
        pytest.skip("this C library has no malloc_trim")
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 40
