"""A server that is told to stop does so, whatever it is at: nobody has to kill it, and nothing is read twice for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import LostError
from cluster.stopping import Stopping
from tests.cluster.receivers import receiving
from tests.cluster.served import until, write
from tests.cluster.test_serve_sinks import empty, served_with

__all__ = ["empty"]
STOPS_S = 60  # it takes a few seconds; a busy machine more


def ended(process: subprocess.Popen[bytes]) -> int:
    return process.wait(timeout=STOPS_S)


def test_while_a_sink_hangs_and_the_store_is_locked(tmp_path: Path, empty: Path) -> None:
    """Nothing is lost: what the store did not take is in the checkpoint, and comes at the next start."""
    with receiving(*[threading.Event()] * 10) as one:
        served = served_with(tmp_path, empty, one, timeout_s=0.5)
        with served.running() as process:
            write(served.folder, "00:01", 1)
            until(lambda: one.got, served.log)
            other = sqlite3.connect(served.folder / "redshank.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            write(served.folder, "00:02", 2)
            until(lambda: len(served.lines()) == 2, served.log)
            process.send_signal(signal.SIGTERM)
            assert ended(process) == 0, served.log()
        other.close()
        assert "alerts wait for the next start: the checkpoint has them" in served.log()
        assert "Traceback" not in served.log()
        one.plan[:] = []
        with served.running() as process:
            until(lambda: len({got.said["id"] for got in one.got}) == 2, served.log)
            assert served.read() == 2, "what it had read is read again"
            process.send_signal(signal.SIGHUP)
            assert ended(process) == 0, "who closes its terminal loses what came since the last checkpoint"


def stops_before_it_has_begun(code: str, tmp_path: Path, empty: Path) -> None:
    """`redshank serve` by a program that stops it on the way."""
    with receiving() as one:
        served = served_with(tmp_path, empty, one)
    words = [sys.executable, "-c", code, "serve", "--config", str(served.config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=STOPS_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "stopped before it had begun" in done.stderr
    assert "Traceback" not in done.stderr


def test_while_it_starts(tmp_path: Path, empty: Path) -> None:
    code = """
import os, signal, sys
from cluster import serving
def stopped(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)
    raise AssertionError("it goes on")
serving.feeds_of = stopped
from cluster.cli import main
sys.exit(main())
"""
    stops_before_it_has_begun(code, tmp_path, empty)


def test_while_it_imports(tmp_path: Path, empty: Path) -> None:
    """A second on an idle machine, longer on a busy one; a service manager would take 1 for a failure."""
    code = """
import builtins, os, signal, sys
given = builtins.__import__
def importing(name, *more):
    if name == "cluster.serving":
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it goes on")
    return given(name, *more)
builtins.__import__ = importing
from cluster.cli import main
sys.exit(main())
"""
    stops_before_it_has_begun(code, tmp_path, empty)


def test_the_keyboard_twice_is_at_once(tmp_path: Path, empty: Path) -> None:
    with receiving() as one:
        served = served_with(tmp_path, empty, one)
    code = """
import os, signal, sys, time
from cluster.server import Server
def hangs(self):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)
Server._once = hangs
from cluster.cli import main
sys.exit(main())
"""
    words = [sys.executable, "-c", code, "serve", "--config", str(served.config)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=STOPS_S, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "redshank: stopped"
    with served.running() as process:  # the state is as it was
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0


def test_who_was_started_by_nohup_goes_on_when_its_terminal_is_closed() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Stopping().install()
        os.kill(os.getpid(), signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_request_that_is_no_impatience_changes_nothing(number: signal.Signals) -> None:
    """A service manager and a closing terminal may send more than one."""
    asked: list[int] = []
    stopping = Stopping()
    stopping.stop = lambda: asked.append(1)
    stopping(signal.SIGTERM)
    stopping(number)
    assert asked == [1, 1]
    with pytest.raises(KeyboardInterrupt):
        stopping(signal.SIGINT)
    assert stopping.at_once


def played(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What starts Ray, of which the environment of these tests remembers nothing."""
    from cluster import ray_start

    monkeypatch.setattr(ray_start, "SETTINGS", {})
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return ray_start


def test_ray_does_not_take_the_signal_that_stops_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes SIGTERM for a crash of its own from its start on, also when it is begun again after a death."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setattr(ray, "init", lambda *_, **__: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    ray_start = played(monkeypatch)
    before, stopping = signal.getsignal(signal.SIGTERM), Stopping()
    try:
        signal.signal(signal.SIGTERM, stopping)
        ray_start.start(None)
        assert signal.getsignal(signal.SIGTERM) is stopping
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_comes_while_ray_starts_is_a_stop_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray then leaves with 15, which a service manager takes for a failure; a start takes ten seconds on a busy machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")

    def init(*_: object, **__: object) -> None:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ray, "init", init)
    ray_start = played(monkeypatch)
    before, stopping = signal.getsignal(signal.SIGTERM), Stopping()
    try:
        signal.signal(signal.SIGTERM, stopping)
        with pytest.raises(KeyboardInterrupt):  # while it starts
            ray_start.start(None)
        stopped: list[int] = []
        stopping.stop = lambda: stopped.append(1)
        with pytest.raises(
            LostError, match="told to stop while it started"
        ):  # when it is begun again after a death
            ray_start.started_again(None)
        assert stopped == [1]
        assert signal.getsignal(signal.SIGTERM) is stopping
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with pytest.raises(SystemExit):  # of `detect`: Ray's processes are ended as it leaves
            ray_start.start(None)
    finally:
        signal.signal(signal.SIGTERM, before)
