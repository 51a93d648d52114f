"""A server that is told to stop in the midst of a backlog ends soon, and what it had read counts once."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from cluster.deadline import Deadline, OverdueError
from cluster.local import LoopPorts
from cluster.ray_runtime import RayRuntime
from tests.cluster.receivers import receiving
from tests.cluster.served import SERVE, START, until, write
from tests.cluster.test_serve_sinks import empty, served_with

__all__ = ["empty"]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_nothing_is_overdue_until_it_was_told_to_stop_and_its_time_has_passed() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    deadline.check()
    assert deadline.left_s(0.5) == 0.5
    deadline.set(5)
    clock.now_s += 2
    deadline.set(5)  # a second signal changes nothing
    deadline.check()
    assert (deadline.left_s(0.5), deadline.left_s(60)) == (0.5, 3)
    clock.now_s += 3
    assert deadline.left_s(0.5) == 0
    with pytest.raises(OverdueError):
        deadline.check()


def overdue() -> Deadline:
    deadline = Deadline()
    deadline.set(0)
    return deadline


class Shard:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.calls.append(name)


def test_the_loop_begins_nothing_large_any_more() -> None:
    """One call to a shard may take seconds: an hour's close, what it has to save."""
    shards: Any = [Shard(), Shard()]
    ports = LoopPorts(shards, Shard(), None, "", overdue())  # type: ignore[arg-type]
    what: Any = None
    for call in (lambda: ports.apply(0, what), lambda: ports.close(1, {}, what)):
        with pytest.raises(OverdueError):
            call()
    assert [shard.calls for shard in shards] == [[], []]


def test_a_call_of_ray_that_was_begun_before_the_signal_is_waited_for_no_longer() -> None:
    """The router may be behind shards that have much to do; the signal comes while its answer is awaited."""
    from ray.exceptions import GetTimeoutError

    runtime = RayRuntime.__new__(RayRuntime)
    runtime.deadline = Deadline()
    waits: list[float] = []

    class Ray:
        def get(self, refs: Any, timeout: float) -> Any:
            waits.append(timeout)
            if len(waits) == 3:
                runtime.deadline.set(0)
            if len(waits) == 6:
                return "answer"
            raise GetTimeoutError

    runtime._ray = Ray()
    with pytest.raises(OverdueError):
        runtime._get("call")
    assert waits == [0.5, 0.5, 0.5]
    runtime.deadline = Deadline()
    assert runtime._get("call") == "answer"


def test_what_was_read_since_the_last_checkpoint_is_read_again_and_counts_once(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as one:
        served = served_with(tmp_path, empty, one)
        words = [START[0], "-c", f"from cluster import server; server.STOP_S = 0.0; {START[2]}"]
        monkeypatch.setattr("tests.cluster.served.SERVE", words)
        with served.running() as process:
            write(served.folder, "00:01", 1)
            until(lambda: len(served.lines()) == 1, served.log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, served.log()
        assert "stopped without a last checkpoint" in served.log()
        assert "Traceback" not in served.log()
        monkeypatch.setattr("tests.cluster.served.SERVE", SERVE)
        with served.running() as process:
            write(served.folder, "00:02", 2)
            until(lambda: len({got.said["id"] for got in one.got}) == 2, served.log)
            until(lambda: served.read() == 2, served.log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, served.log()
        assert len(served.lines()) == 2
