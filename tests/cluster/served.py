"""A server over real sources, for tests: its process, what it is sent and what it says."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.log_inputs import vault_line
from benchmarks.ports import free_port

START = [sys.executable, "-c", "import sys; from cluster.cli import main; sys.exit(main())"]
# With the time for a last checkpoint that a busy machine may need: a server gives that up sooner, and says so.
SERVE = [START[0], "-c", f"from cluster import server; server.STOP_S = 30.0; {START[2]}"]
PATIENCE_S = 90.0


def until(what: Callable[[], Any], why: Callable[[], str] = str) -> Any:
    """What comes true in time."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with suppress(OSError, ValueError):
            if found := what():
                return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come true in {PATIENCE_S:.0f} s: {why()[-3_000:]}")


class Served:
    """A server's folder: configuration, what it reads, what it says."""

    def __init__(self, folder: Path, telemetry: Path, runtime: str = "loop") -> None:
        self.folder, self.health, self.udp = folder, free_port(), free_port(socket.SOCK_DGRAM)
        self.runtime = runtime
        (folder / "in").mkdir(parents=True)
        about = (telemetry / "redshank.toml").read_text().replace('path = "', f'path = "{telemetry}/')
        self.config = folder / "serve.toml"
        self.config.write_text(
            f"""{about}
[engine]
routers = {2 if runtime == "ray" else 1}
[serve]
runtime = "{runtime}"
shards = 2
silence_minutes = 0.02
rest_minutes = 0.02
listen = "127.0.0.1:{self.health}"
[checkpoints]
every_seconds = 0.3
[[sources]]
folder = "in"
[[sources]]
ipfix = "udp://127.0.0.1:{self.udp}"
"""
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """A server process; killed at the end, if it is still there."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([*SERVE, "serve", "--config", str(self.config)], stderr=log)
        try:
            until(lambda: process.poll() is not None or self.ask("/readyz"), self.log)
            assert process.poll() is not None or "ipfix" not in self.config.read_text() or self.is_bound()
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def is_bound(self) -> bool:
        """Whether somebody listens on its port: what is sent before that is lost, and `ready` says that it is not."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            try:
                one.bind(("127.0.0.1", self.udp))
            except OSError:
                return True
        return False

    def ask(self, page: str) -> Any:
        """A page of its health server; None where it says no."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{page}", timeout=5) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError:
            return None

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def read(self) -> int:
        """Records that it has read."""
        status = self.ask("/status")
        return int(status["counts"]["read"]) if status else 0

    def alerts(self) -> dict[str, dict[str, Any]]:
        """The last word on each alert whose hour has closed, without its incident."""
        told = {one["id"]: one for one in self.lines() if one.get("complete", True)}
        return {id_: alone(one) for id_, one in told.items()}

    def lines(self) -> list[dict[str, Any]]:
        """All that was ever said of alerts."""
        path = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def alone(alert: dict[str, Any]) -> dict[str, Any]:
    """Without the incident that it is part of."""
    return {name: value for name, value in alert.items() if name not in ("incident", "joins")}


def detected(inputs: Iterable[Path], config: Path, out: Path) -> list[dict[str, Any]]:
    """The alerts that `detect` raises of files."""
    words = ["detect", *map(str, inputs), "--config", str(config), "--runtime", "loop", "--quiet"]
    subprocess.run([*START, *words, "--alerts", str(out)], check=False, stdout=subprocess.DEVNULL)
    return [json.loads(line) for line in out.read_text().splitlines()]


def lay(telemetry: Path, folder: Path) -> None:
    """Have all of it come to a server at once: it closes hours by the clock, and what is copied meanwhile may be late."""
    shutil.copytree(telemetry, folder / "coming")
    (folder / "coming").rename(folder / "in" / "telemetry")


def write(folder: Path, at: str, vault: int, minutes: int = 0) -> None:
    """A record of a vault's use through Tor, appended to the log."""
    line = vault_line(f"{at}.0000000Z", 100 * minutes + int(at[-2:]), 1, vault, 1)
    line = line.replace('"callerIpAddress":"81.0.1.7"', '"callerIpAddress":"185.220.101.1"')
    with (folder / "in" / "log.json").open("a") as log:
        log.write(line.replace("T08:", f"T{8 + minutes // 60:02}:"))
