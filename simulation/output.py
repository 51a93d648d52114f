"""The files of a run: where each goes, and in which order its records stand.

Everything is written in the order in which the cloud would deliver it: each record some seconds to
minutes after its time, so files are a little out of order, as real ones are.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from simulation.acts import DAY_US, HOUR_US, Act, Management, Vaulted, subscription_of
from simulation.attacks import Attack
from simulation.attacks.scene import Entity
from simulation.conversations import FLOW, Longs, Table, flows, sampled, together
from simulation.estate import Machine
from simulation.feeds import command_and_control, proxies, tor_exits
from simulation.paths import hourly
from simulation.randomness import numbers
from simulation.wire import activity_log, key_vault
from simulation.wire.ipfix import Exporter
from simulation.world import World

ROUTERS = ("dub-edge-1", "ams-edge-1")
LATEST_US = {"activity": 240, "vault": 90}  # seconds by which a record comes late, at most
PER_PAYLOAD = 40
# Hours after an attack in which an alert on its consequences is still right; one for all others.
LINGERS_H = {"management.impossible_travel": 16, "key_vault.high_vault_access_volume": 25}
CONFIGURATION = """\
# Written by the simulation.
[inventory]
path = "inventory.csv"

[threat_intel]
feeds = [
  { path = "feeds/tor.txt", category = "tor_exit_node" },
  { path = "feeds/c2.csv", category = "command_and_control" },
  { path = "feeds/anonymous_proxy.txt", category = "anonymous_proxy" },
]

[flows]
sampling = %d

[detections]
disable = []

[integrations]
cloud_app_security = true
"""


def rfc3339(at_us: int) -> str:
    """UTC to the second."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _late(correlation: str, seconds: int) -> int:
    """How late a record is delivered, in microseconds: chance, but always the same for one operation."""
    return int(correlation[:6], 16) % (seconds * 1000) * 1000


class Logs:
    """Activity Log and Key Vault files, day by day; what happens after a day's end waits for the next."""

    def __init__(self, world: World, out: Path) -> None:
        self._world, self._out = world, out
        self._lines: list[tuple[int, int, str, bytes]] = []  # delivered, time, subscription, record
        self._acts: list[tuple[int, Vaulted]] = []
        self._short = set(world.estate.subscriptions[1:])  # of the two category dialects
        self.management = self.vault = 0

    def take(self, acts: Iterable[Act]) -> None:
        """Events of any time not before the last day written."""
        for act in acts:
            if isinstance(act, Vaulted):
                late = _late(act.correlation, LATEST_US["vault"])
                self._acts.append((act.at_us + late, act))
            else:
                self._lines += self._pair(act)

    def _pair(self, act: Management) -> list[tuple[int, int, str, bytes]]:
        late, subscription = _late(act.correlation, LATEST_US["activity"]), subscription_of(act.resource)
        pair = activity_log.lines(act, self._world.estate.tenant, subscription in self._short)
        return [(at_us + late, at_us, subscription, record) for at_us, record in pair]

    def write(self, day: int) -> None:
        """The files of that day; on the last day also what comes after it."""
        end = self._world.at(day + 1) if day + 1 < self._world.days else 1 << 62
        start = self._world.at(0)
        self._write_activity([line for line in self._lines if start <= line[1] < end])
        self._lines = [line for line in self._lines if line[1] >= end]
        today = [each for each in self._acts if start <= each[1].at_us < end]
        self._acts = [each for each in self._acts if each[1].at_us >= end]
        self._write_vault(
            day, [act for _, act in sorted(today, key=lambda each: (each[0], each[1].correlation))]
        )

    def _write_activity(self, lines: list[tuple[int, int, str, bytes]]) -> None:
        files: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
        for _, at_us, subscription, record in sorted(lines):
            files[subscription, at_us // HOUR_US].append(record)
        for (subscription, hour), records in files.items():
            path = self._out / blob_path(subscription, hour)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:  # never over an hour that was written before
                file.write(b"\n".join(records) + b"\n")
            self.management += len(records)

    def _write_vault(self, day: int, acts: list[Vaulted]) -> None:
        payloads = [key_vault.payload(acts[n : n + PER_PAYLOAD]) for n in range(0, len(acts), PER_PAYLOAD)]
        path = self._out / "key-vault" / f"{self._world.start + timedelta(days=day)}.json.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in payloads), compresslevel=4, mtime=0))
        self.vault += len(acts)


def blob_path(subscription: str, hour: int) -> Path:
    """Where diagnostic settings put an hour (hours since 1970) of a subscription's log."""
    return hourly("insights-activity-logs", ("resourceId=", "SUBSCRIPTIONS", subscription.upper()), hour)


class Captures:
    """IPFIX files: one a router and day. Flows are exported when they end."""

    def __init__(self, world: World, out: Path) -> None:
        self._world, self._out = world, out / "ipfix"
        self._exporters = [Exporter(n + 1, world.size.sampling) for n in range(len(ROUTERS))]
        self._open: list[list[Table]] = [[] for _ in ROUTERS]
        self.flows = 0

    def take(self, machine: Machine, made: Table, *name: object) -> None:
        """Conversations at a machine's router, each set sampled by its own stream."""
        seen = flows(made)
        if self._world.size.sampling > 1:
            seen = sampled(numbers(self._world.seed, "sampling", *name), seen, self._world.size.sampling)
        self._open[machine.router].append(seen)

    def write(self, day: int) -> None:
        """The files of that day: what ends in it; on the last day all."""
        self._out.mkdir(parents=True, exist_ok=True)
        last = day + 1 >= self._world.days
        for n, router in enumerate(ROUTERS):
            every = together(self._open[n], FLOW)
            done = every["end_us"] < (1 << 62 if last else self._world.at(day + 1))
            self._open[n] = [every[~done]]
            self._write(n, f"{router}-{self._world.start + timedelta(days=day)}.ipfix", every[done], day)

    def _write(self, router: int, name: str, ended: Table, day: int) -> None:
        order = _order(ended)
        wire = self._exporters[router].export(ended[order])
        if day % 3:
            name, wire = name + ".zst", zstandard.ZstdCompressor(level=3).compress(wire)
        (self._out / name).write_bytes(wire)
        self.flows += len(ended)


def _order(ended: Table) -> Longs:
    """By end, then by everything else that tells flows apart: not by who was written first."""
    return np.lexsort(
        (ended["source_port"], ended["destination"], ended["source"], ended["start_us"], ended["end_us"])
    )


def inventory(world: World) -> str:
    """Which resource held which address when, as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("ip", "resource_id", "start", "end", "managed_by", "region"))
    for machine in world.estate.machines:
        since = [since for since, _ in machine.owners] + [None]
        for n, (start, resource) in enumerate(machine.owners):
            until = since[n + 1]
            begin = rfc3339(world.at(start)) if start else rfc3339(world.at(0) - 90 * DAY_US)
            end = rfc3339(world.at(until)) if until else ""
            rows.writerow((machine.address, resource, begin, end, machine.managed_by, machine.region))
    return text.getvalue()


def feeds(world: World) -> dict[str, str]:
    """The threat-intelligence files' texts, by path."""
    servers = "".join(f"{address},command_and_control,90\n" for address in command_and_control(world.seed))
    return {
        "feeds/tor.txt": "# Tor exit nodes\n" + "\n".join(tor_exits(world.seed)) + "\n",
        "feeds/c2.csv": "ip,category,confidence\n" + servers,
        "feeds/anonymous_proxy.txt": "# Anonymous proxies\n" + "\n".join(proxies(world.seed)) + "\n",
    }


def _claim(kind: str, entity: Entity, end_us: int) -> dict[str, Any]:
    """A type that an attack raises on an entity, and until when an alert of it is still right."""
    until = end_us + LINGERS_H.get(kind, 1) * HOUR_US
    return {"type": kind, "entity": dict(zip(("kind", "id"), entity, strict=True)), "until": rfc3339(until)}


def truth(attacks: Sequence[Attack]) -> str:
    """What was done to whom and when, one JSON object a line, in order of time.

    `start` and `end` are those of the attack's own telemetry; `until` is when its consequences are over
    (the victim's way home after impossible travel, a count over 24 hours).
    """
    lines = []
    for attack in sorted(attacks, key=lambda each: (each.truth.start_us, each.truth.type)):
        fact = attack.truth
        line = _claim(fact.type, fact.entity, fact.end_us) | {
            "start": rfc3339(fact.start_us),
            "end": rfc3339(fact.end_us + 999_999),
            "strength": fact.strength,
            "note": fact.note,
            "also": [_claim(kind, entity, fact.end_us) for kind, entity in fact.also],
            "withheld": fact.withheld,
        }
        if fact.part:
            line["part"] = fact.part
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines)
