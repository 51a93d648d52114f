"""What a server can't take of its feeds is kept in `rejected.jsonl`: of each version once, however often it is read."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from cluster.feed_watch import renew
from cluster.feeds import Feeds
from tests.cluster.feed_server import feed_server
from tests.cluster.served import START, until
from tests.cluster.test_feeds import NEW, OLD, Slow, begun
from tests.cluster.test_feeds_runs import configure, redshank


def said(feeds: Feeds) -> Any:
    source = feeds.sources[0]
    answer = source.ask({})
    assert answer is not None
    return {source: answer}


def told(feeds: Feeds) -> list[str]:
    return [one.excerpt for one in feeds.untold()]


def test_what_is_refused_of_a_version_is_told_once(tmp_path: Path) -> None:
    """A server without `ETag` sends the same again at each look, and a server is started again now and then."""
    path, line = tmp_path / "tor.txt", 'path = "tor.txt"'
    path.write_text(f"{OLD}\nnonsense\n10.0.0.1\n")
    made = begun(tmp_path, line)
    assert told(made) == ["nonsense", "10.0.0.1"]
    assert not made.take(said(made), 1)
    assert told(made) == []
    again = begun(tmp_path, line, made.packed())
    assert told(again) == []
    path.write_text(f"{OLD}\nrubbish\n")
    assert not again.take(said(again), 2), "it lists what it listed"
    assert told(again) == ["rubbish"]
    assert [one.refused for one in again.now()] == [1]
    path.write_text(OLD)
    again.take(said(again), 3)
    assert (told(again), [one.refused for one in again.now()]) == ([], [0])


def test_all_are_counted_where_there_are_too_many_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.threat_intel_feeds.MAX_REJECTED", 3)
    (tmp_path / "tor.txt").write_text("\n".join([OLD, *(f"bad-{number}" for number in range(9))]))
    made = begun(tmp_path, 'path = "tor.txt"')
    assert [one.reason for one in made.untold()][-1] == "6 more entries were refused"
    assert [one.refused for one in made.now()] == [9]


def test_it_is_told_once_where_a_change_has_to_be_begun_again(tmp_path: Path) -> None:
    """For the hour it was to count from came too near."""
    (tmp_path / "tor.txt").write_text(OLD)
    made = begun(tmp_path, 'path = "tor.txt"')
    (tmp_path / "tor.txt").write_text(f"{NEW}\nnonsense\n")
    clock = [0]
    run: Any = Slow(clock, [59 * 60_000_000, 1])
    says = list[Any]()
    renew(run, made, said(made), lambda *words, **about: says.append(about), lambda: clock[0])
    assert [one.excerpt for one in run.rejected] == ["nonsense"]
    assert [one["refused"] for one in says] == [1]
    assert Feeds([], run.kept[-1]).now()[0].refused == 1


def test_a_server_keeps_what_it_refused_of_each_version_of_a_feed(tmp_path: Path) -> None:
    health, log = free_port(), tmp_path / "log"
    (tmp_path / "in").mkdir()

    def started() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([*START, "serve", "--config", str(tmp_path / "serve.toml")], stderr=out)

    def kept() -> list[str]:
        lines = (tmp_path / "rejected.jsonl").read_text().splitlines()
        return [f"{one['kind']} {one['offset']} {one['excerpt']}" for one in map(json.loads, lines)]

    def stop(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()

    with feed_server() as server:
        server.files["/tor.txt"] = f"{OLD}\nnonsense\n".encode()
        configure(tmp_path, server, health, "loop", 1)
        process = started()
        try:
            until(lambda: kept() == ["indicator 2 nonsense"], log.read_text)
            until(lambda: len(server.asked) > 3, log.read_text)  # again, and nothing has changed
            server.files["/tor.txt"] = f"{NEW}\n10.1.2.3\n".encode()
            until(lambda: "a feed has changed" in log.read_text(), log.read_text)
            stop(process)
            process = started()
            seen = len(server.asked)
            until(lambda: len(server.asked) > seen + 1, log.read_text)
            stop(process)
        finally:
            process.kill()
            process.wait()
    assert kept() == ["indicator 2 nonsense", "indicator 2 10.1.2.3"]
    status = redshank("status", str(tmp_path / "state")).stdout
    assert "tor.txt: 1 indicator" in status
    assert "; 1 refused" in status
