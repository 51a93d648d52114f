"""The collector over loopback: flows a second that it takes without loss, and for each second of one core.

    python -m benchmarks.collect FLOWS_A_SECOND SECONDS

sends from another process and prints what was sent, decoded and lost, with the collector's CPU seconds.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.lab import Lab, figure, say
from benchmarks.record import Row
from benchmarks.running import module, run
from ingest.collector import Collector
from simulation.conversations import FLOW
from simulation.wire.ipfix import PER_MESSAGE, Exporter

NAME = "collect"
RATES = (150_000, 300_000, 600_000)  # flows a second
GOAL = 300_000
SECONDS = 5.0
BURST = 20  # datagrams between two looks at the clock


class Outcome(msgspec.Struct):
    """Of one rate."""

    sent: int
    decoded: int
    lost: int
    dropped: int
    seconds: float  # from the first flow decoded to the last
    cpu: float  # seconds of the collector: receiving, journal, decoding


def rows(lab: Lab) -> Iterator[Row]:
    """Each rate; what the sender can't reach is no figure."""
    rates = (GOAL,) if lab.brief else RATES
    say(f"collect: {', '.join(map(str, rates))} flows a second over loopback")
    for rate in rates:
        seconds = max(1.0, SECONDS * min(1.0, lab.scale))
        one = msgspec.json.decode(
            run(module("benchmarks.collect", str(rate), str(seconds))).said, type=Outcome
        )
        case = f"{rate} flows/s sent"
        goal = GOAL if rate == GOAL else None
        yield figure(NAME, case, "decoded", one.decoded / one.seconds, "flows/s", note=f"of {one.sent} sent")
        yield figure(NAME, case, "of one core", one.decoded / one.cpu, "flows/s", goal)
        yield figure(NAME, case, "not decoded", one.sent - one.decoded, "flows", 0.0, at_most=True)


def collected(rate: int, seconds: float) -> Outcome:
    """What a collector makes of a rate that another process sends."""
    with tempfile.TemporaryDirectory() as folder:
        collector = Collector("127.0.0.1", 0, Path(folder), lambda: time.time_ns() // 1000)
        collector.prefetch()
        command = module("benchmarks.collect", str(rate), str(seconds), str(collector.port))
        sender = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
        decoded, idle, begun, ended, used = 0, 0, 0.0, 0.0, time.process_time()
        for block in collector.blocks():
            idle = idle + 1 if block.idle else 0
            if block.idle and idle > 50 and sender.poll() is not None:
                break
            if block.flows:
                begun, ended = begun or time.monotonic(), time.monotonic()
                decoded += len(block.flows)
                collector.release(block.position)
        used = time.process_time() - used
        stats = collector.stats()
        collector.stop()
        assert sender.stdout
        sent = int(sender.stdout.read())
        sender.stdout.close()
    dropped = (stats.dropped_at_socket or 0) + stats.dropped_at_journal
    return Outcome(sent, decoded, sum(stats.lost.values()), dropped, max(ended - begun, 1e-9), used)


def send(rate: int, seconds: float, port: int) -> int:
    """Send at this rate, as nearly as this machine can; returns how many flows."""
    exporter = Exporter(1)
    flows = np.zeros(PER_MESSAGE * 2_000, FLOW)
    flows["end_us"] = time.time_ns() // 1000
    messages = cut(exporter.export(flows))
    total = int(rate * seconds) // PER_MESSAGE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect(("127.0.0.1", port))
        made.send(messages[0])
        begun, sequence = time.monotonic(), 1  # the first message has a record of options
        for number in range(total):
            one = messages[1 + number % 60]  # data alone
            made.send(one[:8] + sequence.to_bytes(4, "big") + one[12:])
            sequence = (sequence + PER_MESSAGE) % (1 << 32)
            ahead = begun + number * PER_MESSAGE / rate - time.monotonic()
            if ahead > 0 and number % BURST == 0:
                time.sleep(ahead)
    return total * PER_MESSAGE


def cut(data: bytes) -> list[bytes]:
    """Messages one by one."""
    made, at = [], 0
    while at < len(data):
        end = at + int.from_bytes(data[at + 2 : at + 4], "big")
        made.append(data[at:end])
        at = end
    return made


def main(arguments: list[str]) -> None:
    """Print what came of a rate; with a port, send there and print how many flows that were."""
    rate, seconds = int(arguments[0]), float(arguments[1])
    if len(arguments) > 2:
        print(send(rate, seconds, int(arguments[2])))
    else:
        print(msgspec.json.encode(collected(rate, seconds)).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
