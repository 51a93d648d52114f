"""Machines that no attack is upon: seeded, with the internet's scans at their door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from ingest.enrich import Enrichment
from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.inventory_file import Claims
from ingest.networks import ALWAYS_US, FOREVER_US, parse_network
from ingest.records import HOUR_US
from ingest.threat_intel import Entry, Indicator, Indicators
from tests.detections.network.replay import MINUTE_US, Estate, Flows, Talk, address, flows

START = 492_000 - 492_000 % 168 + 96  # an hour since 1970: a Monday's first
DAYS = 16  # of history: the organisation's week is known by then
NOON = START + 24 * DAYS + 12  # the hour in which a case plays
SHORT_HISTORY = 5
SEED = 11
PORTS = {"ssh": 22, "rdp": 3389}

WEB = [f"10.0.0.{number}" for number in range(1, 6)]
VICTIM = WEB[0]
BUILD = "10.0.1.1"  # goes outward all day, to many and often
BASTION = "10.0.1.2"  # is come to all day, by many
MOVED = "10.0.1.3"  # changes hands in the middle of the case's hour
MACHINES = (*WEB, BUILD, BASTION, MOVED)
HEIR = "/subscriptions/s1/vm/heir"
C2, STALE_C2, TWICE_LISTED, TOR = "198.51.100.7", "198.51.100.8", "198.51.100.9", "198.51.100.10"


def machine(ip: str) -> str:
    """The id of the machine with that address."""
    return f"/subscriptions/S1/vm/{ip}"


def _claims() -> Claims:
    moved_us = NOON * HOUR_US + 30 * MINUTE_US
    lines = [(ip, machine(ip), ALWAYS_US, moved_us if ip == MOVED else FOREVER_US) for ip in MACHINES]
    lines.append((MOVED, HEIR, moved_us, FOREVER_US))
    networks = [parse_network(ip) for ip, *_ in lines]
    return Claims(
        ids=[id_ for _, id_, *_ in lines],
        high=np.array([network.first >> 64 for network in networks], np.uint64),
        low=np.array([network.first & (1 << 64) - 1 for network in networks], np.uint64),
        bits=np.array([network.bits for network in networks], np.uint8),
        start_us=np.array([start for *_, start, _ in lines], np.int64),
        end_us=np.array([end for *_, end in lines], np.int64),
        resource=np.arange(len(lines)),
        line=np.arange(len(lines)) + 2,
    )


def _entry(ip: str, category: str, feed: str, end_us: int = FOREVER_US) -> Entry:
    return Entry(Indicator(ip, category, feed), parse_network(ip), ALWAYS_US, end_us)


@cache
def enrichment() -> Enrichment:
    """Inventory, indicators and geography of this estate."""
    listed = (
        _entry(C2, "command_and_control", "c2.csv"),
        _entry(STALE_C2, "command_and_control", "c2.csv", NOON * HOUR_US),
        _entry(TWICE_LISTED, "command_and_control", "c2.csv"),
        _entry(TWICE_LISTED, "command_and_control", "other.txt"),
        _entry(TOR, "tor_exit_node", "tor.txt"),
    )
    return Enrichment(Inventory(_claims()), Indicators(listed), Geography.open(None))


@dataclass
class Life:
    """What the machines see and do in an hour."""

    rng: np.random.Generator

    def hour(self, hour: int) -> Flows:
        """All flows of an hour."""
        return flows(self._talks(hour * HOUR_US))

    def _talks(self, at_us: int) -> Iterator[Talk]:
        for port in PORTS.values():
            for ip in MACHINES:
                yield from self._scans(ip, port, at_us)
            for ip in (*WEB, MOVED):
                yield from self._visits(ip, port, at_us, self.rng.poisson(0.6), 2.0)
            yield from self._visits(BUILD, port, at_us, 20 + self.rng.poisson(6), 4.0)
            yield from self._users(port, at_us)

    def _some(self, mean: float) -> int:
        return 1 + int(self.rng.poisson(mean))

    def _scans(self, ip: str, port: int, at_us: int) -> Iterator[Talk]:
        """Sources that knock once or twice; one in a hundred and fifty does it up to twenty times."""
        for _ in range(self.rng.poisson(4.0)):
            mean = self.rng.uniform(5.0, 15.0) if self.rng.random() < 1 / 150 else 0.5
            source = address(int(self.rng.integers(1 << 20)))
            answered = bool(self.rng.random() < 0.5)
            yield Talk(source, ip, port, self._some(mean), at_us, packets=3, octets=180, answered=answered)

    def _visits(self, ip: str, port: int, at_us: int, peers: int, mean: float) -> Iterator[Talk]:
        """The machine goes to known servers outside."""
        for number in range(peers):
            yield Talk(ip, address(5_000_000 + number), port, self._some(mean), at_us)

    def _users(self, port: int, at_us: int) -> Iterator[Talk]:
        """Everybody's way in: forty and more come, some of them all the time."""
        for number in range(40 + self.rng.poisson(10)):
            mean = 120.0 if number == 0 else 1.0
            yield Talk(address(6_000_000 + number), BASTION, port, self._some(mean), at_us)


@cache
def history() -> tuple[bytes, bytes, int]:
    """State after a short history and after the whole one, and how many alerts there were on the way."""
    estate, life, alerts, early = Estate(enrichment()), Life(np.random.default_rng(SEED)), 0, b""
    for hour in range(START, NOON):
        if hour == START + 24 * SHORT_HISTORY:
            early = estate.save()
        alerts += len(estate.play(hour, life.hour(hour)))
    assert estate.kept() is not None
    return early, estate.save(), alerts


@cache
def ordinary(hour: int = NOON) -> Flows:
    """One more hour like all others."""
    return Life(np.random.default_rng([SEED, hour])).hour(hour)
