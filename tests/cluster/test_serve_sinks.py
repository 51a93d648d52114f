"""A server with sinks: what it stored is delivered whatever is killed, and a sink that is down keeps it from nothing."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.receivers import Receiver, receiving
from tests.cluster.served import Served, until, write


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "about"
    folder.mkdir()
    (folder / "redshank.toml").write_text("")
    return folder


def served_with(folder: Path, about: Path, one: Receiver, timeout_s: float = 30.0) -> Served:
    """`timeout_s`: what the receiver does not answer in comes again: twice, where it was only busy."""
    served = Served(folder / "served", about)
    (served.folder / "tor.txt").write_text("185.220.101.1\n")
    served.config.write_text(
        f'[threat_intel]\nfeeds = [{{ path = "tor.txt", category = "tor_exit_node" }}]\n'
        f'[serve]\nruntime = "loop"\nshards = 1\nlisten = "127.0.0.1:{served.health}"\n'
        f'silence_minutes = 600\n[checkpoints]\nevery_seconds = 0.3\n[[sources]]\nfolder = "in"\n'
        f'[store]\n[[sinks]]\nname = "hook"\nkind = "webhook"\nurl = "{one.url}"\nallow_internal = true\n'
        f'timeout_seconds = {timeout_s}\n[[sinks]]\nname = "lines"\nkind = "file"\npath = "out.jsonl"\n'
    )
    return served


def lines(served: Served) -> list[dict[str, Any]]:
    path = served.folder / "out.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_alert_that_a_killed_server_had_stored_is_delivered_by_the_next_one(
    tmp_path: Path, empty: Path
) -> None:
    with receiving(*[503] * 10_000) as one:
        served = served_with(tmp_path, empty, one)
        with served.running():  # and killed, by SIGKILL, while the receiver takes nothing
            write(served.folder, "00:01", 1)
            until(lambda: len(lines(served)) == 1 and one.got, served.log)
            sinks = {each["name"]: each for each in until(lambda: served.ask("/status")["sinks"])}
            assert served.ask("/readyz"), "a sink that is down made it unready"
            assert sinks.keys() == {"hook", "lines"}
            until(lambda: served.ask("/status")["sinks"][0]["fault"] == "HTTP 503", served.log)
            with urllib.request.urlopen(f"http://127.0.0.1:{served.health}/metrics", timeout=5) as answer:
                assert b'redshank_sink_waiting_alerts{sink="hook"} 1.0' in answer.read()
        one.plan.clear()
        tries, id_ = len(one.got), one.got[0].said["id"]

        def words(told: list[dict[str, Any]]) -> list[bool]:
            """Whether its hour had closed, of each word on that alert."""
            return [each.get("complete", True) for each in told if each["id"] == id_]

        def taken() -> list[dict[str, Any]]:
            return [got.said for got in one.got[tries:]]

        with served.running() as process:
            until(lambda: words(taken()), served.log)
            write(served.folder, "59:59", 3, minutes=120)  # the hour closes: a newer word
            until(lambda: True in words(taken()) and True in words(lines(served)), served.log)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, served.log()
        assert words(taken()) == [False, True], "out of order, or twice"
    assert words(lines(served)) == [False, True], "told twice after the kill"
    assert "Traceback" not in served.log()


def test_a_secret_that_is_missing_is_said_before_it_serves(tmp_path: Path, empty: Path) -> None:
    with receiving() as one:
        served = served_with(tmp_path, empty, one)
    served.config.write_text(
        served.config.read_text() + '[[sinks]]\nname = "x"\nkind = "chat"\nurl_env = "NO"\n'
    )
    with served.running() as process:
        assert process.wait(timeout=60) == 1
    assert "[[sinks]] x: url_env: the environment variable NO is not set" in served.log()
