"""What a collector does when more comes than it can take: memory, and whether each flow that is missing is counted.

    python -m benchmarks.overload fast|stalled|nfcapd FLOWS_A_SECOND SECONDS

sends by UDP over loopback from another process, and prints what came of it: to a collector that decodes as fast as it
can, to one whose shards take a block five times a second, and to nfcapd, with the same stream and the same buffer.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.collect import GOAL, send
from benchmarks.lab import Lab, figure, say
from benchmarks.memory import resident
from benchmarks.ports import free_port
from benchmarks.record import Row
from benchmarks.running import module, run
from ingest.collector import BUFFER, Collector
from simulation.wire.ipfix import PER_MESSAGE

NAME = "overload"
RATE = 3_000_000  # flows a second that are asked of the sender: more than it can send
RATES = {"fast": (GOAL, RATE), "stalled": (RATE,), "nfcapd": (GOAL, RATE)}
SECONDS = 8.0
JOURNAL = 64 << 20
PAUSE_S = 0.2  # of a stalled one, at each block
MEGABYTE = 1 << 20
NOTES = {
    "fast": "decodes as fast as it can",
    "stalled": f"its shards take a block every {PAUSE_S} s",
    "nfcapd": "writes files, decodes on the way",
}


class Outcome(msgspec.Struct):
    """Of one case."""

    sent: int  # flows
    seconds: float  # in which they were sent
    taken: int = 0
    dropped_at_socket: int = 0  # flows
    dropped_at_journal: int = 0
    lost: int = 0  # as sequence numbers say
    before: int = 0  # octets of resident memory, before the first datagram ...
    most: int = 0  # ... and at most
    cpu: float = 0.0


def rows(lab: Lab) -> Iterator[Row]:
    """Each case."""
    say(f"overload: {', '.join(NOTES)}")
    seconds = max(2.0, SECONDS * lab.part)
    for kind, note in NOTES.items():
        for rate in (RATE,) if lab.brief else RATES[kind]:
            lab.in_time()
            yield from _figures(kind, rate, seconds, note)


def _figures(kind: str, rate: int, seconds: float, note: str) -> Iterator[Row]:
    case = f"{kind}, as fast as it can be sent" if rate == RATE else f"{kind}, {rate} flows/s sent"
    if kind == "nfcapd" and not shutil.which("nfcapd"):
        yield figure(NAME, case, "taken", None, note="nfcapd is not installed")
        return
    said = run(module("benchmarks.overload", kind, str(rate), str(seconds))).said
    one = msgspec.json.decode(said, type=Outcome)
    yield figure(NAME, case, "sent", one.sent / one.seconds, "flows/s", note=note)
    yield figure(NAME, case, "taken", one.taken / one.sent, "of those sent")
    yield figure(NAME, case, "CPU", one.cpu / max(one.taken, 1) * 1e6, "s a million flows")
    yield figure(NAME, case, "memory at most", one.most / MEGABYTE, "MB")
    if kind == "nfcapd":
        return
    yield figure(NAME, case, "memory grown by", (one.most - one.before) / MEGABYTE, "MB")
    dropped = one.dropped_at_socket + one.dropped_at_journal
    yield figure(NAME, case, "dropped at the socket", one.dropped_at_socket / one.sent, "of those sent")
    yield figure(NAME, case, "dropped at the journal", one.dropped_at_journal / one.sent, "of those sent")
    missing = one.sent - one.taken - dropped
    yield figure(NAME, case, "missing and not counted", missing, "flows", 0.0, at_most=True)
    yield figure(NAME, case, "told by sequence numbers", one.lost / max(dropped, 1), "of those dropped")


def sender(rate: int, seconds: float, port: int) -> subprocess.Popen[bytes]:
    """The other process."""
    command = module("benchmarks.overload", "send", str(rate), str(seconds), str(port))
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)


def said_by(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Flows sent, and in what time."""
    assert process.stdout
    sent, seconds = process.stdout.read().split()
    process.stdout.close()
    process.wait()
    return int(sent), float(seconds)


def collected(case: str, rate: int, seconds: float) -> Outcome:
    """What a collector of ours makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector(
            "127.0.0.1", 0, Path(folder), lambda: time.time_ns() // 1000, journal_bound=JOURNAL
        )
        collector.prefetch()
        before = most = resident()
        other = sender(rate, seconds, collector.port)
        used, taken, idle = time.process_time(), 0, 0
        for block in collector.blocks():
            idle = idle + 1 if block.idle else 0
            most = max(most, now())
            if block.idle and idle > 50 and other.poll() is not None:
                break
            taken += len(block.flows or ())
            collector.release(block.position)
            if case == "stalled" and other.poll() is None:
                time.sleep(PAUSE_S)
        used = time.process_time() - used
        stats = collector.stats()
        collector.stop()
    sent, took = said_by(other)
    at_socket, at_journal = (stats.dropped_at_socket or 0), stats.dropped_at_journal
    return Outcome(
        sent,
        took,
        taken,
        at_socket * PER_MESSAGE,
        at_journal * PER_MESSAGE,
        sum(stats.lost.values()),
        before,
        most,
        used,
    )


def now() -> int:
    """Octets of resident memory, as they are."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def captured(rate: int, seconds: float) -> Outcome:
    """What nfcapd makes of it."""
    port = free_port(socket.SOCK_DGRAM)
    with tempfile.TemporaryDirectory() as folder:
        words = ["nfcapd", "-b", "127.0.0.1", "-p", str(port), "-w", folder, "-B", str(BUFFER), "-t", "3600"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.0)
        sent, took = said_by(sender(rate, seconds, port))
        time.sleep(2.0)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGTERM)
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
        told = subprocess.run(["nfdump", "-R", folder, "-I"], capture_output=True, text=True, check=True)
    flows, most = re.search(r"^Flows: (\d+)", told.stdout, re.M), re.search(r"VmHWM:\s+(\d+) kB", status)
    if not (flows and most):
        raise SystemExit(f"nfdump says {told.stdout[:500]!r}")
    cpu = used.ru_utime + used.ru_stime
    return Outcome(sent, took, int(flows[1]), most=int(most[1]) << 10, cpu=cpu)


def main(arguments: list[str]) -> None:
    """Print what came of a case; `send`: send to a port, and print how many flows that were in what time."""
    case, rate, seconds = arguments[0], int(arguments[1]), float(arguments[2])
    if case == "send":
        begun = time.monotonic()
        sent = send(rate, seconds, int(arguments[3]))
        print(sent, time.monotonic() - begun)
        return
    made = captured(rate, seconds) if case == "nfcapd" else collected(case, rate, seconds)
    print(msgspec.json.encode(made).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
