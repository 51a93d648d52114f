"""The server of a soak, in a folder of its own, with what feeds it and what is seen of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from benchmarks.ports import free_port
from benchmarks.soak_load import Order, Sent, put
from benchmarks.soak_sample import MB, Figures, metrics, octets, processes

MIX = {"flows": 0.9, "vault": 0.08, "activity": 0.02}  # of the records
KEPT_HOURS = 6  # of event time, for which logs stay
CONFIG = """
[inventory]
networks = ["10.0.0.0/8"]
[detections]
learning_days = 1
[checkpoints]
every_seconds = 5
[serve]
shards = 2
listen = "127.0.0.1:{health}"
silence_minutes = 0.25
rest_minutes = 1
forget_hours = 0.05
kept_megabytes = 1
kept_files = 2
journal_megabytes = 256
[[sources]]
folder = "in"
[[sources]]
ipfix = "udp://127.0.0.1:{udp}"
"""


class Served:
    """A server in a folder of its own, and what feeds it."""

    def __init__(self, folder: Path, speed: float, seconds: float) -> None:
        self.folder, self.health, self.udp = folder, free_port(), free_port(socket.SOCK_DGRAM)
        (folder / "in").mkdir(parents=True)
        (folder / "serve.toml").write_text(CONFIG.format(health=self.health, udp=self.udp))
        now = time.time()
        self.order = Order(self.udp, now - (seconds + 600) * speed, now, speed, KEPT_HOURS)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The server, ready; it is stopped, or killed where it does not stop."""
        start = "import sys; from cluster.cli import main; sys.exit(main())"
        words = [sys.executable, "-c", start, "serve", "--config", str(self.folder / "serve.toml")]
        about = {**os.environ, "RAY_TMPDIR": str(self.folder / "ray")}
        with (self.folder / "log").open("ab") as log:
            server = subprocess.Popen(words, stderr=log, stdout=log, env=about)
        try:
            self._wait(server)
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=120)
            if server.poll() is None:
                server.kill()
                server.wait()

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end and server.poll() is None:
            with suppress(OSError):
                if metrics(self.health).get("ready"):
                    return
            time.sleep(0.5)
        raise RuntimeError(f"the server is not ready: {(self.folder / 'log').read_text()[-2_000:]}")

    @contextmanager
    def fed(self) -> Iterator[None]:
        """As the order says."""
        self.ask(0.0)
        load = subprocess.Popen([sys.executable, "-m", "benchmarks.soak_load", str(self.folder)])
        try:
            _until(lambda: (self.folder / "sent.json").exists())
            yield
        finally:
            load.terminate()
            load.wait()

    def ask(self, rate: float) -> None:
        """So many records a second."""
        shares = {kind: share * rate for kind, share in MIX.items()}
        self.order = msgspec.structs.replace(self.order, **shares)
        put(self.folder / "order.json", self.order)

    def sent(self) -> Sent:
        """What was sent so far."""
        return msgspec.json.decode((self.folder / "sent.json").read_bytes(), type=Sent)

    def look(self, pid: int) -> Figures:
        """All figures now."""
        said, sent = metrics(self.health), self.sent()
        state, parts = octets([self.folder / "state"])
        journal, _ = octets([self.folder / "journal"])
        kept, _ = octets(self.folder.glob("rejected.jsonl*"))
        withheld, _ = octets(self.folder.glob("withheld.jsonl*"))
        alerts, _ = octets(self.folder.glob("alerts.jsonl"))
        _, files = octets([self.folder / "in"])
        logs, _ = octets((self.folder / "ray").glob("ray/session_*/logs"))
        found = {
            **processes(pid),
            "queue, calls in flight": said.get("queue_calls:max", 0.0),
            "behind, records": sent.records
            - said.get("records_read_total", 0.0)
            - said.get("udp_lost_records_total", 0.0),
            "journal (MB)": journal / MB,
            "state (MB)": state / MB,
            "files of the state": float(parts),
            "kept (MB)": (kept + withheld) / MB,
            "told (MB)": alerts / MB,
            "Ray's logs (MB)": logs / MB,
            "log files there": float(files),
            "log files begun": float(sent.files),
            "records sent": float(sent.records),
            "records read": said.get("records_read_total", 0.0),
            "late": said.get("records_total:late", 0.0),
            "rejected": said.get("records_total:rejected", 0.0),
            "lost on the way": said.get("records_lost_total", 0.0),
            "dropped datagrams": said.get("udp_dropped_datagrams_total", 0.0),
            "deaths": said.get("deaths_total", 0.0),
            "open hours": said.get("open_hours", 0.0),
            "checkpoint age (s)": said.get("checkpoint_age_seconds", 0.0),
        }
        if watermark := said.get("watermark_timestamp_seconds"):  # there is none at the beginning
            found["behind, watermark (s)"] = (sent.event_s - watermark) / self.order.speed
        return found


def _until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        if time.monotonic() > end:
            raise RuntimeError("it did not begin to send")
        time.sleep(0.1)
