"""Runs over feeds that change: each hour by the feed of its day, whatever is killed, replayed or split over shards."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.log_inputs import vault_line
from benchmarks.ports import free_port
from tests.cluster.feed_server import FeedServer, feed_server
from tests.cluster.served import START, until

TOR = "185.220.101.1"


def record(at: datetime, vault: int) -> str:
    """A vault's use, from an address that is sometimes listed as a Tor exit."""
    line = vault_line("00:00.0000000Z", vault, 1, vault, 1)
    line = line.replace('"callerIpAddress":"81.0.1.7"', f'"callerIpAddress":"{TOR}"')
    return re.sub(r'"time":"[^"]*"', f'"time":"{at:%Y-%m-%dT%H:%M:%S.0000000Z}"', line)


def day(number: int, vault: int) -> str:
    return "".join(record(datetime(2026, 3, number, hour, tzinfo=UTC), vault) for hour in (9, 21))


def redshank(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*START, *words], capture_output=True, text=True, check=False)


def detect(
    folder: Path, files: list[str], state: str = "", config: str = "redshank.toml", shards: int = 1
) -> Any:
    """The days and hours of which an alert was raised, and all that was said of them."""
    out = folder / "alerts.jsonl"
    words = ["--config", str(folder / config), "--alerts", str(out), "--runtime", "loop", "--quiet"]
    words += ["--shards", str(shards), *(["--state", str(folder / state)] if state else [])]
    done = redshank("detect", *(str(folder / name) for name in files), *words)
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    return sorted({json.loads(line)["start"][8:13] for line in lines}), lines


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for number in range(1, 5):
        (tmp_path / f"{number}.json").write_text(day(number, number))
    (tmp_path / "redshank.toml").write_text(
        '[threat_intel]\nfeeds = [{ path = "tor.txt", category = "tor_exit_node" }]\n'
    )
    return tmp_path


def test_a_replay_uses_the_feed_of_that_day(days: Path) -> None:
    """An address that was a Tor exit on the second day only is one on the second day only, whenever it is asked."""
    said = []
    for number, listed in ((1, "185.220.101.9"), (2, TOR), (3, "185.220.101.9")):
        (days / "tor.txt").write_text(listed)
        said.append(detect(days, [f"{number}.json"], "state"))
    assert [hours for hours, _ in said] == [[], ["02T09", "02T21"], ["02T21"]], "its open hour is said again"
    files = [f"{number}.json" for number in range(1, 5)]
    assert detect(days, files)[0] == [], "today's feed knows nothing of that day"
    (days / "replay.toml").write_text('[threat_intel]\nhistory = "state"\n')
    raised, lines = detect(days, files, config="replay.toml")
    assert raised == ["02T09", "02T21"]
    for shards in (2, 3):
        assert detect(days, files, config="replay.toml", shards=shards)[1] == lines
    (days / "tor.txt").unlink()
    assert detect(days, files, "other", "replay.toml")[1] == lines, "and needs no feed to do so"


def test_a_history_that_is_not_there_is_said(days: Path) -> None:
    (days / "replay.toml").write_text('[threat_intel]\nhistory = "nowhere"\n')
    done = redshank(
        "detect", str(days / "1.json"), "--config", str(days / "replay.toml"), "--runtime", "loop"
    )
    assert done.returncode == 1
    assert "[threat_intel] history" in done.stderr
    assert "has no state with feeds" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_asks_the_feeds_and_says_which_can_not_be_had(tmp_path: Path) -> None:
    with feed_server() as server:
        server.files["/tor.txt"] = f"{TOR}\nnonsense\n".encode()
        (tmp_path / "redshank.toml").write_text(
            f"""[threat_intel]
feeds = [{{ url = "{server.url}/tor.txt", category = "tor_exit_node" }},
         {{ taxii = "{server.url}/nowhere?key=secret", category = "command_and_control" }}]
"""
        )
        done = redshank("check", "--config", str(tmp_path / "redshank.toml"))
    assert done.returncode == 3
    assert f"feed {server.url}/tor.txt: can be read; 1 indicator" in done.stdout
    assert f"feed {server.url}/nowhere: WRONG: HTTP 404: check its address" in done.stdout
    assert f"refused: {server.url}/tor.txt, line 2: 'nonsense' is no address or network" in done.stdout
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(("runtime", "routers"), [("loop", 1), ("loop", 2), ("ray", 1), ("ray", 2)])
def test_a_server_goes_by_a_feed_that_changes_from_the_hour_that_it_says(
    tmp_path: Path, runtime: str, routers: int
) -> None:
    """In all its parts; and still does after it was killed, with the feed's server away."""
    health, log = free_port(), tmp_path / "log"
    (tmp_path / "in").mkdir()

    def started() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([*START, "serve", "--config", str(tmp_path / "serve.toml")], stderr=out)

    def raised() -> list[str]:
        path = tmp_path / "alerts.jsonl"
        return (
            sorted({json.loads(line)["start"] for line in path.read_text().splitlines()})
            if path.exists()
            else []
        )

    def write(at: datetime, vault: int) -> None:
        with (tmp_path / "in" / "log.json").open("a") as out:
            out.write(record(at, vault))

    with feed_server() as server:
        server.files["/tor.txt"] = b"185.220.101.9\n"
        configure(tmp_path, server, health, runtime, routers)
        process = started()
        try:
            write(datetime.now(UTC), 1)  # who acts here is known before the feed knows of the address
            until(lambda: '"serving"' in log.read_text() and len(server.asked) > 1, log.read_text)
            until(lambda: '"read": 1' in log.read_text(), log.read_text)
            before = datetime.now(UTC)  # not that of the start: a busy machine takes minutes for one
            server.files["/tor.txt"] = f"{TOR}\n".encode()
            until(lambda: "a feed has changed" in log.read_text(), log.read_text)
            said = re.search(r'counts_from"?[:=] ?"?([0-9T:Z-]+)', log.read_text())
            assert said, log.read_text()
            begins = datetime.fromisoformat(said[1])
            assert before < begins <= datetime.now(UTC) + timedelta(minutes=66)
            assert (begins.minute, begins.second) == (0, 0)
            write(begins - timedelta(seconds=1), 2)
            write(begins + timedelta(seconds=1), 3)
            until(raised, log.read_text)
            assert raised() == [f"{begins:%Y-%m-%dT%H:00:00Z}"]
            server.status = 503
            if runtime == "loop":
                process.kill()
                process.wait()
                process = started()
                until(lambda: log.read_text().count('"serving"') == 2, log.read_text)
                until(lambda: "a source is down" in log.read_text(), log.read_text)
            write(begins + timedelta(hours=1, seconds=1), 4)
            until(lambda: len(raised()) == 2, log.read_text)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=90) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    hours = [f"{begins + timedelta(hours=more):%Y-%m-%dT%H:00:00Z}" for more in (0, 1)]
    assert raised() == hours
    assert "Traceback" not in log.read_text()


def configure(folder: Path, server: FeedServer, health: int, runtime: str, routers: int) -> None:
    (folder / "serve.toml").write_text(
        f"""[threat_intel]
feeds = [{{ url = "{server.url}/tor.txt", category = "tor_exit_node", refresh_minutes = 0.01 }}]
[engine]
routers = {routers}
[serve]
runtime = "{runtime}"
shards = 2
silence_minutes = 600
listen = "127.0.0.1:{health}"
[checkpoints]
every_seconds = 0.3
[[sources]]
folder = "in"
"""
    )
