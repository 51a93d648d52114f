"""The internet's real background at a machine's SSH port: what it costs in alerts."""

from __future__ import annotations

import csv
from datetime import datetime
from functools import cache
from typing import NamedTuple

import numpy as np

from alerts.alert import Alert
from ingest.enrich import Enrichment
from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.records import FLOW, HOUR_US, address_words
from ingest.threat_intel import Indicators
from tests.data import shared
from tests.detections.network.replay import Estate, Flows

OWN = "10.0.0.1"
ATTACKER = "81.2.69.160"
LEARNING_HOURS = 7 * 24


class Session(NamedTuple):
    """A session that a Cowrie honeypot saw."""

    start_us: int
    end_us: int
    source: str
    port: int


def _us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1e6)


@cache
def sessions() -> tuple[Session, ...]:
    """The SSH sessions, in the order of time."""
    path = shared("honeypot", "cowrie_sessions_20k.csv")
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["protocol"] == "ssh"]
    made = [
        Session(
            _us(row["start_time"]),
            _us(row["end_time"] or row["start_time"]),
            row["src_ip"],
            int(row["src_port"]),
        )
        for row in rows
    ]
    return tuple(sorted(made))


def hours() -> dict[int, list[Session]]:
    """The sessions by the hour in which they begin."""
    grouped: dict[int, list[Session]] = {}
    for one in sessions():
        grouped.setdefault(one.start_us // HOUR_US, []).append(one)
    return grouped


def as_flows(told: list[Session]) -> Flows:
    """Incoming connections that were answered; one that outlives its hour is cut at its end."""
    rows = np.zeros(len(told), FLOW)
    rows["src_hi"], rows["src_lo"] = np.array([address_words(one.source) for one in told], np.uint64).T
    rows["dst_hi"], rows["dst_lo"] = address_words(OWN)
    rows["start_us"] = [one.start_us for one in told]
    ends = (rows["start_us"] // HOUR_US + 1) * HOUR_US - 1
    rows["end_us"] = np.minimum([max(one.start_us, one.end_us) for one in told], ends)
    rows["src_port"], rows["dst_port"] = [one.port for one in told], 22
    rows["protocol"], rows["packets"], rows["packets_back"] = 6, 14, 12
    rows["octets"], rows["octets_back"] = 1_500, 2_000
    return rows


def replay(grouped: dict[int, list[Session]]) -> list[Alert]:
    """All alerts of a machine that stands where the honeypot stood."""
    enrichment = Enrichment(Inventory.from_networks(["10.0.0.0/8"]), Indicators(), Geography.open(None))
    estate = Estate(enrichment)
    alerts = [alert for hour, told in sorted(grouped.items()) for alert in estate.play(hour, as_flows(told))]
    estate.kept()
    return alerts


@cache
def replayed() -> tuple[Alert, ...]:
    """The alerts of what the honeypot saw."""
    return tuple(replay(hours()))


def with_attack(size: int) -> tuple[int, dict[int, list[Session]]]:
    """The same with so many log-ins by one source in the last busy hour."""
    grouped = hours()
    last = max(hour for hour, told in grouped.items() if len(told) > 50)
    at = last * HOUR_US
    grouped[last] += [Session(at + n, at + n + 1, ATTACKER, 20_000 + n) for n in range(size)]
    return last, grouped


def busiest(told: list[Session]) -> int:
    """Connections of the hour's busiest source."""
    ports: dict[str, set[int]] = {}
    for one in told:
        ports.setdefault(one.source, set()).add(one.port)
    return max(map(len, ports.values()))


def test_an_exposed_machine_costs_few_alert_hours_after_learning() -> None:
    judged = [hour for hour in hours() if hour >= min(hours()) + LEARNING_HOURS]
    assert len(judged) > 40
    alerted = {alert.start for alert in replayed()}
    assert (
        len(alerted) <= 3
    )  # of 53: the noise alone, which has hours of 363, 234 and 216 log-ins by one source
    assert {alert.type for alert in replayed()} <= {"network.ssh_incoming", "network.ssh_incoming_multiple"}


def test_each_alert_on_real_scans_is_of_an_hour_that_is_extreme() -> None:
    _, grouped = with_attack(6_000)
    by_start = {hour * HOUR_US: told for hour, told in grouped.items()}
    usual = float(np.median([busiest(told) for told in hours().values()]))
    sources = float(np.median([len({one.source for one in told}) for told in hours().values()]))
    for alert in [*replayed(), *replay(grouped)]:
        told = by_start[_us(alert.start)]
        if alert.type == "network.ssh_incoming":
            assert alert.evidence["seen"] == busiest(told) >= 5 * usual
        else:
            assert alert.evidence["seen"] == len({one.source for one in told}) >= 2 * sources


def test_a_real_attack_stands_out_of_the_real_background() -> None:
    last, grouped = with_attack(6_000)
    found = [alert for alert in replay(grouped) if _us(alert.start) == last * HOUR_US]
    assert {alert.type for alert in found} == {"network.ssh_incoming"}
    assert found[0].evidence["peer"] == ATTACKER
    assert found[0].evidence["seen"] == 6_000
