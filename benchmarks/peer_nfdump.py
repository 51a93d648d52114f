"""nfdump on the same flows: its own collector takes them from a socket, its own tool answers the questions.

The messages of our files are sent to `nfcapd` over the loopback as fast as it takes them: the sender looks at the
socket's queue, so that nothing is dropped. What nfdump then has is counted before anything is timed.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peer_jobs import messages
from benchmarks.ports import free_port
from benchmarks.running import CommandError, Run, best, run

TOOLS = ("nfdump", "nfcapd")
FILTER = "port 22 or port 3389"
QUEUE = 4 << 20  # octets asked for
TOGETHER = 64  # messages sent between two looks at the queue
PATIENCE_S = 20.0
TOP = ("-s", "dstip/flows", "-n", "10", FILTER)
AGGREGATED = ("-A", "srcip,dstip,dstport", "-O", "flows", "-n", "10")


def missing() -> str:
    """Why nfdump can't be measured; '' if it can."""
    absent = [name for name in TOOLS if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return "" if Path("/proc/net/udp").exists() else "needs Linux's /proc/net/udp"


def collected(paths: Iterable[Path], folder: Path) -> Path:
    """The flows of IPFIX files in nfdump's form. Raises CommandError if some are lost on the way."""
    folder.mkdir()
    with _collector(folder) as port:
        for path in paths:
            _send(messages(path), port)
        _drained(port)
    files = sorted(folder.glob("nfcapd.2*"))
    if not files:
        raise CommandError("nfcapd wrote no file")
    return folder


def read(data: Path, *question: str, times: int = 2) -> Run:
    """A question put to nfdump, the flows in the system's cache."""
    return best(["nfdump", "-R", data, *question], times)


def flows_in(data: Path, *question: str) -> int:
    """How many flows nfdump finds."""
    said = run(["nfdump", "-R", data, "-N", "-o", "null", *question]).said
    return _number(r"total flows: (\d+)", said)


def groups_in(data: Path, *question: str) -> int:
    """How many aggregated records nfdump makes."""
    said = run(["nfdump", "-R", data, "-q", "-N", "-A", "srcip,dstip,dstport", "-o", "fmt:%fl", *question])
    return len(said.said.splitlines())


def processed(one: Run) -> int:
    """How many flows a timed run looked at."""
    return _number(r"Total flows processed: (\d+)", one.said)


def _number(pattern: str, said: str) -> int:
    found = re.search(pattern, said)
    if found is None:
        raise CommandError(f"nfdump said nothing of the form {pattern!r}: {said[-500:]}")
    return int(found[1])


@contextmanager
def _collector(folder: Path) -> Iterator[int]:
    """nfcapd on a free port of the loopback; it closes its file at the end."""
    port = free_port(socket.SOCK_DGRAM)
    command = ["nfcapd", "-w", folder, "-b", "127.0.0.1", "-p", str(port), "-B", str(QUEUE), "-t", "86400"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
    try:
        _until(lambda: _queue(port) is not None, "nfcapd does not listen")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    (folder / "log").unlink()


def _send(pieces: Iterable[bytes], port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", port))
        for number, piece in enumerate(pieces):
            if number % TOGETHER == 0:
                _until(lambda: (_queue(port) or (0, 0))[0] < QUEUE // 4, "nfcapd takes nothing more")
            out.send(piece)


def _drained(port: int) -> None:
    _until(lambda: (_queue(port) or (0, 0))[0] == 0, "nfcapd does not come to an end")
    dropped = (_queue(port) or (0, 0))[1]
    if dropped:
        raise CommandError(f"{dropped} messages were dropped before nfcapd took them")


def _until(true: object, wrong: str) -> None:
    begun = time.monotonic()
    while not true():  # type: ignore[operator]
        if time.monotonic() - begun > PATIENCE_S:
            raise CommandError(wrong)
        time.sleep(0.0005)


def _queue(port: int) -> tuple[int, int] | None:
    """Octets that wait at a socket, and messages that it dropped; None if there is none."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(":")[2], 16) == port:
            return int(words[4].partition(":")[2], 16), int(words[-1])
    return None
