"""Flows for the benchmarks, spread over an hour of event time, and the configuration they are read with."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulation.conversations import FLOW, Table
from simulation.wire.ipfix import Exporter

START_US = 1_767_600_000_000_000  # 2026-01-05T08:00:00Z
SPAN_US = 3_590_000_000
INDICATORS = 100_000
NETWORK = 0x0A000000  # 10.0.0.0/8: the resources
_PEERS = (0x20000000, 0x60000000)
SERVICES = (22, 3_389)
FLOW_COUNTS = (
    "records",
    "service",
    "listed",
    "applied",
)  # in an input's truth: the others are of what is different


@dataclass(frozen=True, slots=True)
class Input:
    """Files of one kind, and what counting by hand finds in them."""

    name: str
    kind: str  # 'flows', 'vault', 'activity' or 'sign-ins'
    paths: tuple[Path, ...]
    truth: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many there are in all files."""
        return self.truth["records"]

    @property
    def octets(self) -> int:
        """The size of all files."""
        return sum(path.stat().st_size for path in self.paths)


def repeated(given: Input, times: int) -> Input:
    """The same flows so many times as often, in files of their own that take no room: an hour with as many more flows
    of the same connections."""
    paths = list(given.paths)
    for path in given.paths:
        for number in range(1, times):
            again = path.with_name(f"{path.stem}-again-{number}{path.suffix}")
            again.unlink(missing_ok=True)
            again.hardlink_to(path)
            paths.append(again)
    truth = {name: number * (times if name in FLOW_COUNTS else 1) for name, number in given.truth.items()}
    return Input(f"{given.name}, {times} times", given.kind, tuple(paths), truth)


def indicators(count: int = INDICATORS, seed: int = 5) -> npt.NDArray[np.uint32]:
    """Different public addresses at random, ascending."""
    chance = np.random.default_rng(seed)
    drawn = np.unique(chance.integers(0x0B000000, 0x64000000, count * 2, dtype=np.uint32))
    return np.sort(chance.choice(drawn, count, replace=False))


def configuration(folder: Path, listed: npt.NDArray[np.uint32]) -> Path:
    """A configuration with the resources' network and a feed of command and control."""
    feed = folder / "indicators.txt"
    feed.write_text("".join(f"{IPv4Address(number)}\n" for number in listed.tolist()))
    path = folder / "redshank.toml"
    path.write_text(
        '[inventory]\nnetworks = ["10.0.0.0/8"]\n'
        '[threat_intel]\nfeeds = [{ path = "indicators.txt", category = "command_and_control" }]\n'
    )
    return path


def flows(
    folder: Path,
    count: int,
    relevant: float = 0.03,
    resources: int = 50_000,
    files: int = 2,
    listed: npt.NDArray[np.uint32] | None = None,
    seed: int = 1,
    name: str = "flows",
    hot: float = 0.0,
) -> Input:
    """IPFIX: so many flows from outside, a share of them SSH or RDP, to the resources 10.0.0.0 and on.

    Each file is one exporter's, and spans the whole hour. A `hot` share goes to the first resource.
    """
    made = _flows(count, relevant, resources, seed)
    made["destination"][np.random.default_rng(seed + 1).random(count) < hot] = NETWORK
    paths = tuple(folder / f"{name}-{number}.ipfix" for number in range(files))
    for number, path in enumerate(paths):
        path.write_bytes(Exporter(number + 1).export(made[number::files]))
    return Input(name, "flows", paths, _truth(made, indicators() if listed is None else listed))


def _flows(count: int, relevant: float, resources: int, seed: int) -> Table:
    chance = np.random.default_rng(seed)
    made = np.zeros(count, FLOW)
    made["start_us"] = START_US + np.sort(chance.integers(0, SPAN_US, count))
    made["end_us"] = made["start_us"] + chance.integers(0, 5_000_000, count)
    made["source"] = chance.integers(*_PEERS, count)
    made["destination"] = NETWORK + chance.integers(0, resources, count)
    made["source_port"] = chance.integers(32_768, 61_000, count)
    service = np.where(chance.random(count) < 0.7, *SERVICES)
    made["destination_port"] = np.where(chance.random(count) < relevant, service, 443)
    made["protocol"], made["flags"] = 6, 0x1B
    made["packets"] = chance.integers(1, 40, count)
    made["octets"] = made["packets"] * 120
    return made


def _truth(made: Table, listed: npt.NDArray[np.uint32]) -> dict[str, int]:
    """What there is to be found: flows of the services, of listed addresses, resources and their peers."""
    service = np.isin(made["destination_port"], SERVICES)
    bad = np.isin(made["source"], listed)
    some = made[service | bad]
    return {
        "records": len(made),
        "service": int(service.sum()),
        "listed": int(bad.sum()),
        "applied": len(some),
        "entities": len(np.unique(some["destination"])),
        "pairs": _pairs(some),
        "service_pairs": _pairs(made[service]),
    }


def _pairs(made: Table) -> int:
    """Different (source, destination, destination port)."""
    ends = made["destination"].astype(np.uint64) << np.uint64(32) | made["source"]
    ports = made["destination_port"]
    return sum(len(np.unique(ends[ports == port])) for port in np.unique(ports))
