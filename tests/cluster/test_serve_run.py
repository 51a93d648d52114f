"""A server hands over what it could not read, and keeps none of it: not in memory, not in its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from actors.conductor import Progress, Standing
from actors.saving import REJECTED as KIND
from actors.saving import write_rejected
from actors.steps import Counts
from alerts.kept import KeptLines
from alerts.log import AlertLog
from cluster.beginning import SERVE, beginning
from cluster.checkpoints import Store
from cluster.deadline import Deadline
from cluster.errors import LostError, UserError
from cluster.places import StoreError
from cluster.run import Every
from cluster.serve_run import ServeRun
from cluster.server import Server
from cluster.snapshot import Board
from ingest.records import Rejected
from tests.cluster.scripted import LENGTH, NONE, REJECTED, Fails, Scripted, deaths, newest


class Live(Scripted):
    """The same for a server."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.deadline = Deadline()

    def release(self, standing: Standing) -> None:
        """Nothing waits for it."""


def served(folder: Path, fails: Fails = NONE) -> tuple[ServeRun, list[int], list[str]]:
    """A run to its end; what was handed over and said."""
    store, said, told = Store(folder), list[str](), list[int]()
    runtime: Any = Live(store, LENGTH, fails)
    run = ServeRun(runtime, store, beginning(store, SERVE), Every(0.0), said.append, 1 << 20)

    def keep(some: list[Rejected]) -> None:
        told.extend(one.offset for one in some)

    run.keep = keep
    run.start()
    most = 0
    while not run.advance(2).done:
        most = max(most, len(run.rejected))
    run.hand_rejected()
    assert most <= 2, "each checkpoint is a reason to hand over what there is"
    return run, told, said


def test_what_could_not_be_read_is_handed_over_once_and_kept_nowhere(tmp_path: Path) -> None:
    run, told, _ = served(tmp_path)
    assert told == REJECTED
    assert run.rejected == []
    assert [part for part in newest(tmp_path).parts if part.kind == KIND] == []


def test_after_a_death_nothing_is_missing(tmp_path: Path) -> None:
    _, told, said = served(tmp_path, deaths(("advance", 7)))
    assert sorted(set(told)) == REJECTED
    assert len(said) == 1


def test_what_an_earlier_version_kept_in_its_checkpoints_is_dropped(tmp_path: Path) -> None:
    really = ServeRun._told_of
    old = [Rejected(reason="old", offset=-1)]

    def kept_before(run: ServeRun, marked: Any) -> Any:
        if marked.epoch > 1:
            return really(run, marked)
        assert run._store is not None
        return write_rejected(run._store, f"{marked.epoch:012d}-old", old)

    ServeRun._told_of = kept_before  # type: ignore[method-assign]
    try:
        _, told, _ = served(tmp_path)
    finally:
        ServeRun._told_of = really  # type: ignore[method-assign]
    assert set(told) <= set(REJECTED)
    assert [part for part in newest(tmp_path).parts if part.kind == KIND] == []


def for_ever(run: ServeRun) -> None:
    while True:
        run.advance(2)


def test_a_server_that_can_not_go_on_stops_when_it_is_told_to(tmp_path: Path) -> None:
    """With its store away for good it would try for ever, and a service manager would have to kill it."""
    store = Store(tmp_path)
    away = StoreError("the store is away")
    runtime: Any = Live(store, LENGTH, lambda call, n: away if call == "checkpoint" and n > 3 else None)
    run = ServeRun(runtime, store, beginning(store, SERVE), Every(0.0), lambda line: None, 1 << 20)
    again: list[int] = []

    def begins_again(store_fault: str) -> None:
        assert store_fault == "the store is away"
        again.append(1)
        if len(again) == 2:
            run.stop_wanted.set()

    run.begins_again = begins_again
    run.start()
    said = r"stopped while it could not go on .the store is away.; nothing is lost"
    with pytest.raises(UserError, match=said):
        for_ever(run)


def test_what_is_stopped_while_it_recovers_recovers_first(tmp_path: Path) -> None:
    """Else a service manager is told that it failed, and what it had read is read again."""
    store = Store(tmp_path)
    runtime: Any = Live(store, LENGTH, deaths(("advance", 4), ("start", 2)))
    run = ServeRun(runtime, store, beginning(store, SERVE), Every(0.0), lambda line: None, 1 << 20)
    run.start()
    run.stop_wanted.set()
    for _ in range(6):
        run.advance(2)
    run.checkpoint()
    assert run.deaths == 2
    assert newest(tmp_path).epoch == run.epoch > 0


def a_server(folder: Path) -> Server:
    """Over the scripted runtime."""
    store = Store(folder / "state")
    runtime: Any = Live(store, LENGTH)
    run = ServeRun(runtime, store, beginning(store, SERVE), Every(0.0), lambda line: None, 1 << 20)
    kept = {"rejected": KeptLines(folder / "rejected.jsonl", 1 << 20, 1)}
    return Server(run, AlertLog(folder / "alerts.jsonl"), Board(), 0, kept)


def test_what_dies_while_a_server_stops_does_not_spoil_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = a_server(tmp_path)
    calls: list[str] = []

    def dies_once(name: str) -> Any:
        calls.append(name)
        if calls.count(name) == 1:
            raise LostError(f"{name}: the actor died")
        return 0

    monkeypatch.setattr(server, "_post", lambda phase: dies_once("post"))
    monkeypatch.setattr(server.handing, "last", lambda: dies_once("last"))
    server.stop()
    server.serve()
    assert calls == ["post", "post", "last", "last"]
    assert newest(tmp_path / "state").epoch == server.run.epoch


def test_a_last_checkpoint_that_takes_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager would kill the server, and say that it failed; it could all be read again."""
    server = a_server(tmp_path)
    monkeypatch.setattr("cluster.server.STOP_S", 0.0)
    monkeypatch.setattr(server, "_post", lambda phase: 0)
    monkeypatch.setattr(server, "_once", server.stop)
    monkeypatch.setattr(server.run, "checkpoint", server.run.runtime.deadline.check)
    ended: list[str] = []
    monkeypatch.setattr(server.handing, "stop", lambda: ended.append("handing"))
    with capture_logs() as said:
        server.serve()
    assert ended == ["handing"], "threads are told to end even so"
    assert [one["log_level"] for one in said] == ["warning"]
    assert "what was read since the one before is read again" in said[0]["event"]


def test_a_server_that_is_still_beginning_has_nothing_to_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's actors take long to come up on a busy machine, and a large state to be read."""
    server = a_server(tmp_path)

    def start(*_: Any) -> None:
        server.stop()
        server.run.runtime.deadline.check()

    monkeypatch.setattr(server.run.runtime, "start", start)
    with capture_logs() as said:
        server.serve()
    assert [(one["log_level"], one["event"]) for one in said] == [("info", "stopped before it had begun")]


def test_a_flood_of_alerts_keeps_probes_and_signals_waiting_for_one_step_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, taken = a_server(tmp_path), list[int]()
    waits = Progress(Counts(), 0, 0, [], waiting=True)

    def advance(steps: int, now_us: int) -> Progress:
        taken.append(steps)
        return waits

    monkeypatch.setattr(server.run, "advance", advance)
    for name in ("_look", "_tell", "_post"):
        monkeypatch.setattr(server, name, lambda *_: False)
    for long_s in (-1.0, 1e9):
        monkeypatch.setattr("cluster.server.LONG_S", long_s)
        for _ in range(6):
            server._once()
    assert taken == [20, 10, 5, 2, 1, 1, 1, 2, 4, 8, 16, 20]


def test_ray_that_does_not_come_up_again_at_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server must not end since its machine was too busy for half a minute."""
    from cluster import ray_start

    def fails(address: str | None) -> Any:
        raise UserError("a local Ray: could not be reached (the node timed out during startup)")

    monkeypatch.setattr(ray_start, "start", fails)
    with pytest.raises(LostError, match="could not be reached"):
        ray_start.started_again(None)
