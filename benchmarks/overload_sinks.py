"""What a server does whose alerts nobody takes: its memory, and whether each datagram is taken or counted as dropped.

    python -m benchmarks.overload_sinks CASE SECONDS

serves a folder, a topic of Kafka (librdkafka's mock cluster, where it is installed) and a port that is sent flows to,
with thousands of alerts an hour of event time, and prints what came of it: with a webhook that answers at once, after
2 s, never, or with 500; with a store that somebody has locked; and with a full disk for the file of alerts.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.lab import Lab, figure, say
from benchmarks.log_inputs import vault_line
from benchmarks.overload import MEGABYTE, said_by, sender
from benchmarks.ports import free_port
from benchmarks.record import Row
from benchmarks.running import module, run
from simulation.wire.ipfix import PER_MESSAGE

NAME = "overload_sinks"
CASES = {  # and for how long a receiver makes wait, and its status
    "quick": (0.0, 200),
    "slow": (2.0, 200),
    "silent": (3_600.0, 200),
    "failing": (0.0, 500),
    "locked": (0.0, 200),
    "full": (0.0, 200),
}
NOTES = {
    "quick": "the webhook answers at once",
    "slow": "the webhook takes 2 s",
    "silent": "the webhook never answers",
    "failing": "the webhook says 500",
    "locked": "the store is locked",
    "full": "no room for the file of alerts",
}
SECONDS = 40.0
FLOWS = 20_000  # a second
AN_HOUR = 2_000  # alerts, of one of event time, half of them from Kafka
START = "import sys; from cluster.cli import main; sys.exit(main())"
JOURNAL = 4  # megabytes


class Outcome(msgspec.Struct):
    """Of one case."""

    sent: int = 0  # flows
    datagrams: int = 0  # that came
    dropped: int = 0  # that found no room at the socket or in the journal
    records: int = 0  # of vaults, that were read
    before: int = 0  # octets of resident memory ...
    half: int = 0  # ... at half time, at most
    most: int = 0  # ... and at most
    waiting: int = 0  # alerts, at most, with the server ...
    in_outbox: int = 0  # ... and in the store
    held: str = ""


def rows(lab: Lab) -> Iterator[Row]:
    """Each case."""
    say(f"overload_sinks: {', '.join(NOTES.values())}")
    seconds = max(15.0, SECONDS * min(1.0, lab.scale))
    for case, note in NOTES.items():
        one = msgspec.json.decode(
            run(module("benchmarks.overload_sinks", case, str(seconds))).said, type=Outcome
        )
        # Those dropped at the journal are among those that came, those dropped at the socket are not.
        missing = max(0, one.sent - (one.datagrams + one.dropped) * PER_MESSAGE)
        yield figure(NAME, case, "memory at most", one.most / MEGABYTE, "MB", note=note)
        yield figure(NAME, case, "of that in the second half", (one.most - one.half) / MEGABYTE, "MB")
        yield figure(NAME, case, "records read", one.records, "records")
        yield figure(NAME, case, "alerts waiting in it, at most", one.waiting, "alerts", note=one.held[:60])
        yield figure(NAME, case, "in the outbox, at most", one.in_outbox, "alerts")
        yield figure(NAME, case, "datagrams dropped", one.dropped * PER_MESSAGE / one.sent, "of those sent")
        yield figure(NAME, case, "missing and not counted", missing, "flows", 0.0, at_most=True)


@contextmanager
def receiver(wait_s: float, status: int) -> Iterator[str]:
    """A webhook's address."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            over.wait(wait_s)
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody asks."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def _topic() -> tuple[str, Callable[[str], object]]:
    """The brokers of a cluster in this process, and how a record is sent there; none where there is no Kafka."""
    try:
        from confluent_kafka import Producer
    except ImportError:
        return "", lambda line: None
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = producer.list_topics(timeout=10).brokers.values()
    servers = ",".join(f"{one.host}:{one.port}" for one in brokers)

    def send(line: str) -> None:
        producer.produce("vaults", line.encode())
        producer.poll(0)

    send("\n")
    producer.flush(10)
    return servers, send


def lines(hour: int) -> list[str]:
    """An hour's records, each of a vault that is reached through Tor."""
    step, of = 3_600 / AN_HOUR, f"2026-01-{5 + hour // 24:02}T{hour % 24:02}"
    at = [divmod(step * n, 60) for n in range(AN_HOUR)]
    return [
        vault_line(f"{int(minute):02}:{second:010.7f}Z", hour * AN_HOUR + n, 1, n, 1, of)
        for n, (minute, second) in enumerate(at)
    ]


class Served:
    """A server, what it is fed, and what it says."""

    def __init__(self, folder: Path, case: str, url: str) -> None:
        self.folder, self.case = folder, case
        self.health, self.udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        (folder / "in").mkdir()
        (folder / "tor.txt").write_text("81.0.0.0/16\n")
        servers, self.send = _topic()
        kafka = f'[[sources]]\nkafka = "{servers}"\ntopics = ["vaults"]\n' if servers else ""
        self.in_file = 2 if servers else 1  # every other record, or each
        (folder / "redshank.toml").write_text(
            f'[threat_intel]\nfeeds = [{{ path = "tor.txt", category = "tor_exit_node" }}]\n'
            f'[serve]\nruntime = "loop"\nshards = 1\nlisten = "127.0.0.1:{self.health}"\n'
            f"journal_megabytes = {JOURNAL}\nsilence_minutes = 1\n[checkpoints]\nevery_seconds = 2\n[store]\n"
            f'[[sources]]\nfolder = "in"\n[[sources]]\nipfix = "udp://127.0.0.1:{self.udp}"\n{kafka}'
            f'[[sinks]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\nallow_internal = true\n'
        )
        words = [sys.executable, "-c", START, "serve", "--config", str(folder / "redshank.toml")]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(words, stderr=self.log)

    def status(self) -> Any:
        """What it says of itself; None if it does not."""
        page = f"http://127.0.0.1:{self.health}/status"
        with suppress(OSError, ValueError), urllib.request.urlopen(page, timeout=5) as answer:
            return json.loads(answer.read())
        return None

    def resident(self) -> int:
        """Octets of its memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4_096

    def feed(self, hour: int) -> None:
        """An hour of event time."""
        some = lines(hour)
        with (self.folder / "in" / "log.json").open("a") as file:
            file.write("".join(some[:: self.in_file]))
        for line in some[1::2] if self.in_file == 2 else ():
            self.send(line)

    def stall(self) -> sqlite3.Connection | None:
        """Take the store, or the disk, from it."""
        if self.case == "full":
            (self.folder / "alerts.jsonl").unlink(missing_ok=True)
            (self.folder / "alerts.jsonl").symlink_to("/dev/full")
        if self.case != "locked":
            return None
        other = sqlite3.connect(self.folder / "redshank.db", isolation_level=None, timeout=60)
        other.execute("BEGIN IMMEDIATE")
        return other

    def stop(self) -> None:
        """At once: what is left is of no interest."""
        self.process.kill()
        self.process.wait()
        self.log.close()


def measured(case: str, seconds: float) -> Outcome:
    """What came of a case."""
    found = Outcome()
    with tempfile.TemporaryDirectory() as name, receiver(*CASES[case]) as url:
        served = Served(Path(name), case, url)
        try:
            while not served.status():
                time.sleep(0.2)
            other = served.stall()
            found.before = found.most = served.resident()
            flows = sender(FLOWS, seconds, served.udp)
            begun, hour = time.monotonic(), 0
            while (now := time.monotonic() - begun) < seconds + 4:  # the last figures are two seconds old
                if now > 1.5 * hour and now < seconds:
                    served.feed(hour)
                    hour += 1
                _look(served, found, now < seconds / 2)
                time.sleep(0.25)
            found.sent, _ = said_by(flows)
            _last(served, found)
            if other is not None:
                other.close()
        finally:
            served.stop()
    return found


def _look(served: Served, found: Outcome, first_half: bool) -> None:
    found.most = max(found.most, served.resident())
    if first_half:
        found.half = found.most
    if (said := served.status()) is None:
        return
    found.waiting = max(found.waiting, said["alerts_waiting"])
    found.in_outbox = max(found.in_outbox, said["sinks"][0]["waiting"])
    found.held = said["held"] or found.held
    found.records = said["counts"]["events_sent"]


def _last(served: Served, found: Outcome) -> None:
    """Datagrams, when no more come: the same in two figures of different times, after the last was sent."""
    figures: dict[int, Any] = {}
    ended_us = time.time_ns() // 1_000 + 1_000_000
    while len(figures) < 2 or len({json.dumps(one) for one in list(figures.values())[-2:]}) > 1:
        time.sleep(0.5)
        said = served.status()
        if said is not None and said["taken_us"] > ended_us:
            figures[said["taken_us"]] = [said["udp"]["datagrams"], said["udp"]["dropped"]]
    found.datagrams, found.dropped = list(figures.values())[-1]


if __name__ == "__main__":
    print(msgspec.json.encode(measured(sys.argv[1], float(sys.argv[2]))).decode())
