"""Conversations on the network as columns, and the two one-way flows that a router makes of each."""

from __future__ import annotations

from ipaddress import IPv4Address

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.void]
Longs = npt.NDArray[np.int64]

# One row is one connection (or, for long ones, what an active timeout of five minutes cuts of it).
TALK = np.dtype(
    [
        ("start_us", "<i8"),
        ("end_us", "<i8"),
        ("client", "<u4"),
        ("server", "<u4"),
        ("client_port", "<u2"),
        ("server_port", "<u2"),
        ("protocol", "u1"),
        ("flags", "u1"),
        ("flags_back", "u1"),
        ("packets", "<u4"),
        ("octets", "<u4"),
        ("packets_back", "<u4"),  # 0: never answered
        ("octets_back", "<u4"),
    ]
)
FLOW = np.dtype(
    [
        ("start_us", "<i8"),
        ("end_us", "<i8"),
        ("source", "<u4"),
        ("destination", "<u4"),
        ("packets", "<u8"),
        ("octets", "<u8"),
        ("source_port", "<u2"),
        ("destination_port", "<u2"),
        ("protocol", "u1"),
        ("flags", "u1"),
    ]
)
ACTIVE_TIMEOUT_US = 300_000_000

# kind: (fewest and most packets out, octets a packet out, the same back, seconds at most, TCP flags)
_KINDS = {
    "unanswered": (1, 3, 44, 0, 0, 0, 6.0, 0x02, 0),
    "refused": (1, 1, 44, 1, 1, 40, 0.1, 0x02, 0x14),
    "banner": (4, 7, 60, 3, 6, 95, 2.0, 0x1B, 0x1B),
    "login": (11, 22, 92, 10, 20, 118, 9.0, 0x1B, 0x1B),
    "rdp_login": (8, 18, 160, 8, 16, 190, 7.0, 0x1B, 0x1B),
    "git": (14, 60, 110, 14, 90, 700, 15.0, 0x1B, 0x1B),
    "web": (5, 40, 150, 5, 60, 900, 30.0, 0x1B, 0x1B),
    "name": (1, 1, 70, 1, 1, 180, 0.1, 0, 0),
    "beacon": (6, 12, 130, 5, 10, 160, 2.0, 0x1B, 0x1B),
}
SERVICE_PORT = {"ssh": 22, "rdp": 3389}


def number(address: str) -> int:
    """An IPv4 address as a number."""
    return int(IPv4Address(address))


def talks(
    rng: np.random.Generator,
    start_us: Longs,
    client: npt.ArrayLike,
    server: npt.ArrayLike,
    port: int,
    kind: str,
) -> Table:
    """Conversations of one kind that start at those times; client and server are single or columns."""
    low, high, size, low_back, high_back, size_back, seconds, flags, flags_back = _KINDS[kind]
    count = len(start_us)
    made = np.zeros(count, TALK)
    made["start_us"] = start_us
    made["end_us"] = start_us + (rng.beta(1.2, 3.0, count) * seconds * 1e6).astype(np.int64) + 2_000
    made["client"], made["server"] = client, server
    made["client_port"] = rng.integers(32_768, 61_000, count)
    made["server_port"], made["protocol"] = port, 17 if kind == "name" else 6
    made["flags"], made["flags_back"] = flags, flags_back
    made["packets"] = rng.integers(low, high + 1, count)
    made["octets"] = made["packets"] * (size * rng.uniform(0.8, 1.25, count)).astype(np.uint32)
    made["packets_back"] = rng.integers(low_back, high_back + 1, count)
    made["octets_back"] = made["packets_back"] * (size_back * rng.uniform(0.8, 1.25, count)).astype(np.uint32)
    return made


def session(
    rng: np.random.Generator, start_us: int, minutes: float, client: int, server: int, port: int
) -> Table:
    """One long interactive connection, cut into pieces by the router's active timeout."""
    length = max(int(minutes * 60e6), 20_000_000)
    starts = np.arange(start_us, start_us + length, ACTIVE_TIMEOUT_US, dtype=np.int64)
    made = talks(rng, starts, client, server, port, "git")
    made["end_us"] = np.minimum(starts + ACTIVE_TIMEOUT_US - 1_000_000, start_us + length)
    made["client_port"] = rng.integers(32_768, 61_000)
    for field in ("packets", "octets", "packets_back", "octets_back"):
        made[field] *= 12
    made["flags"][1:] = made["flags_back"][1:] = 0x18
    return made


def together(parts: list[Table], dtype: np.dtype[np.void] = TALK) -> Table:
    """All rows of the tables, one after another."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def flows(made: Table) -> Table:
    """The one-way flows: one for each direction that carried packets."""
    there, answered = np.zeros(len(made), FLOW), made[made["packets_back"] > 0]
    back = np.zeros(len(answered), FLOW)
    for field in ("start_us", "end_us", "protocol"):
        there[field], back[field] = made[field], answered[field]
    there["source"], there["destination"] = made["client"], made["server"]
    there["source_port"], there["destination_port"] = made["client_port"], made["server_port"]
    there["packets"], there["octets"], there["flags"] = made["packets"], made["octets"], made["flags"]
    back["start_us"] = np.minimum(answered["start_us"] + 1_000, answered["end_us"])
    back["source"], back["destination"] = answered["server"], answered["client"]
    back["source_port"], back["destination_port"] = answered["server_port"], answered["client_port"]
    back["packets"], back["octets"] = answered["packets_back"], answered["octets_back"]
    back["flags"] = answered["flags_back"]
    return np.concatenate((there, back))


def sampled(rng: np.random.Generator, seen: Table, one_in: int) -> Table:
    """What is left when one packet in so many is looked at (at random, each by itself)."""
    if one_in == 1:
        return seen
    packets = rng.binomial(seen["packets"].astype(np.int64), 1 / one_in).astype(np.uint64)
    kept = seen[packets > 0].copy()
    mean = kept["octets"] // kept["packets"]
    kept["packets"] = packets[packets > 0]
    kept["octets"] = kept["packets"] * mean
    return kept
