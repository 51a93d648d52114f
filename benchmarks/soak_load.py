"""What a soak feeds a server with: an exporter by UDP, and logs in a file for each hour and vault, as Azure writes them.

    python -m benchmarks.soak_load FOLDER

FOLDER/order.json says how much a second, and how event time runs; it is read again each second. FOLDER/sent.json
says what was sent. Logs of hours that are long past are removed, as a life cycle policy does.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.collect import cut
from benchmarks.inputs import NETWORK, SERVICES
from benchmarks.log_inputs import OPERATIONS, RESOURCES, activity_line, token, vault_line
from simulation.conversations import FLOW, Table
from simulation.wire.ipfix import Exporter

TURN_S = 0.25  # between two looks at the clock
VAULTS, CALLERS, MACHINES, PEOPLE = 20, 60, 2_000, 50
HOUR_S = 3_600
AS_WRITTEN = "2026-01-05T08:"  # in the lines of the benchmarks


class Order(msgspec.Struct):
    """What is to be sent."""

    port: int
    begin_s: float  # event time at the beginning
    since_s: float  # the clock at the beginning
    speed: float  # seconds of event time in one of the clock
    kept_hours: int  # of event time, for which logs stay
    flows: float = 0.0  # a second of the clock
    vault: float = 0.0
    activity: float = 0.0

    def event_s(self, now_s: float) -> float:
        """Event time now."""
        return self.begin_s + (now_s - self.since_s) * self.speed

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.flows + self.vault + self.activity


class Sent(msgspec.Struct):
    """What was sent so far."""

    flows: int = 0
    vault: int = 0
    activity: int = 0
    files: int = 0  # that were begun
    event_s: float = 0.0

    @property
    def records(self) -> int:
        """All of them."""
        return self.flows + self.vault + self.activity


class Load:
    """Sends what is due, turn by turn."""

    def __init__(self, folder: Path, order: Order) -> None:
        self.order, self.sent = order, Sent(event_s=order.event_s(time.time()))
        self._folder = folder / "in"
        self._chance = np.random.default_rng(1)
        self._exporter = Exporter(1)
        self._due = {"flows": 0.0, "vault": 0.0, "activity": 0.0}
        self._hour = 0
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._out.connect(("127.0.0.1", order.port))

    def close(self) -> None:
        """Send no more."""
        self._out.close()

    def turn(self, seconds: float) -> None:
        """So many seconds' worth, with the event time that has passed."""
        begin, self.sent.event_s = self.sent.event_s, self.order.event_s(time.time())
        counts = {}
        for kind in self._due:
            self._due[kind] += getattr(self.order, kind) * seconds
            counts[kind] = int(self._due[kind])
            self._due[kind] -= counts[kind]
        edge = (int(self.sent.event_s) // HOUR_S) * HOUR_S
        share = min(1.0, max(0.0, (edge - begin) / max(self.sent.event_s - begin, 1e-9)))
        for first, last, part in (
            (begin, min(edge, self.sent.event_s), share),
            (max(edge, begin), self.sent.event_s, 1 - share),
        ):
            self._span(first, last, {kind: round(count * part) for kind, count in counts.items()})

    def _span(self, first_s: float, last_s: float, counts: dict[str, int]) -> None:
        """Within one hour of event time."""
        if counts["flows"]:
            for message in cut(self._exporter.export(_flows(self._chance, counts["flows"], first_s, last_s))):
                self._out.send(message)
            self.sent.flows += counts["flows"]
        hour = int(first_s) // HOUR_S
        if hour != self._hour:
            self._hour = hour
            self._remove(hour - self.order.kept_hours)
        start = datetime.fromtimestamp(hour * HOUR_S, UTC).strftime("%Y-%m-%dT%H:")
        at = [_clock(one) for one in np.linspace(first_s, last_s, counts["vault"], endpoint=False) % HOUR_S]
        lines: dict[str, list[str]] = {}
        for time_of in at:
            caller, secret = self._chance.integers(0, (CALLERS, 10)).tolist()
            vault = (caller + self.sent.vault % 4 * 5) % VAULTS
            line = vault_line(time_of, self.sent.vault, caller, vault, secret)
            lines.setdefault(f"vaults/KV-{vault}", []).append(line)
            self.sent.vault += 1
        for one in np.linspace(first_s, last_s, counts["activity"], endpoint=False) % HOUR_S:
            caller, thing = self._chance.integers(0, (PEOPLE, RESOURCES)).tolist()
            said = caller, thing, OPERATIONS[caller % len(OPERATIONS)], token({}, caller, _clock(one))
            lines.setdefault("activity/SUB", []).append(activity_line(self.sent.activity, _clock(one), *said))
            self.sent.activity += 1
        for name, some in lines.items():
            path = (
                self._folder
                / name
                / datetime.fromtimestamp(hour * HOUR_S, UTC).strftime("y=%Y/m=%m/d=%d/h=%H/m=00/PT1H.json")
            )
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self.sent.files += 1
            with path.open("a") as file:
                file.write("".join(some).replace(AS_WRITTEN, start))

    def _remove(self, hour: int) -> None:
        past = datetime.fromtimestamp(hour * HOUR_S, UTC).strftime("y=%Y/m=%m/d=%d/h=%H")
        for folder in self._folder.glob(f"*/*/{past}"):
            shutil.rmtree(folder)
            if not any(folder.parent.iterdir()):
                folder.parent.rmdir()


def _clock(second: float) -> str:
    """Minute, second and seven digits."""
    return f"{int(second) // 60:02}:{int(second) % 60:02}.{int(second % 1 * 1e7):07}Z"


def _flows(chance: np.random.Generator, count: int, first_s: float, last_s: float) -> Table:
    """From outside to the machines, a tenth of them SSH or RDP from few addresses."""
    made = np.zeros(count, FLOW)
    end_us = np.sort(
        chance.integers(int(first_s * 1e6), max(int(last_s * 1e6), int(first_s * 1e6) + 1), count)
    )
    made["start_us"], made["end_us"] = end_us - chance.integers(0, 5_000_000, count), end_us
    made["source"] = 0x20000000 + chance.integers(0, 5_000, count)
    made["destination"] = NETWORK + chance.integers(0, MACHINES, count)
    made["source_port"] = chance.integers(32_768, 61_000, count)
    made["destination_port"] = np.where(chance.random(count) < 0.1, chance.choice(SERVICES, count), 443)
    made["protocol"], made["flags"] = 6, 0x1B
    made["packets"] = chance.integers(1, 40, count)
    made["octets"] = made["packets"] * 120
    return made


def put(path: Path, value: object) -> None:
    """Write it whole or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(value))
    new.rename(path)


def main(folder: Path) -> None:
    """Until it is ended."""
    os.nice(10)
    load = Load(folder, msgspec.json.decode((folder / "order.json").read_bytes(), type=Order))
    last = time.monotonic()
    while True:
        time.sleep(TURN_S)
        now = time.monotonic()
        load.order = msgspec.json.decode((folder / "order.json").read_bytes(), type=Order)
        load.turn(now - last)
        last = now
        put(folder / "sent.json", load.sent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
