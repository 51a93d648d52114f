"""What looks odd and is not: so that an alert on it can be told from one on an attack.

Nothing here is hidden from the detections or told to them; it is for people who judge their alerts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from simulation.acts import DAY_US
from simulation.estate import Machine
from simulation.output import rfc3339
from simulation.people import Person, dormant
from simulation.places import OFFICES
from simulation.services import Service
from simulation.world import World

Remark = tuple[int, int, str, str, str]  # start, end, kind of entity, id, note


def _of_person(world: World, person: Person) -> Iterator[Remark]:
    for trip in person.trips:
        if not (person.employed(trip.first) and person.employed(trip.last)):
            continue
        known = "an office" if trip.to.country in OFFICES else "a conference"
        span = world.at(trip.first), world.at(trip.last + 1)
        yield *span, "principal", person.who.oid, f"travels to {trip.to.city}, {trip.to.country} ({known})"
    if person.first > 0:
        yield (
            world.at(person.first),
            world.at(person.first + 14),
            "principal",
            person.who.oid,
            "a new hire's first weeks",
        )
    if person.last <= world.days and person is not dormant(world.people):
        yield (
            world.at(person.last - 1),
            world.at(person.last),
            "principal",
            person.who.oid,
            "leaves the organisation",
        )


def _of_launch(world: World, service: Service) -> Iterator[Remark]:
    vault = service.vaults[0]
    place = "with a vault of its own" if vault.born else "on a vault that was there"
    start = world.at(service.born)
    note = f"application {service.who.name} goes live {place}"
    yield start, start + 2 * DAY_US, "principal", service.who.oid, note
    yield start, start + 2 * DAY_US, "vault", vault.resource, note


def _of_machine(world: World, machine: Machine) -> Iterator[Remark]:
    for since, resource in machine.owners[1:]:
        at_us = world.at(since)
        yield at_us, at_us, "resource", resource, f"{machine.address} passes to this machine"


def _of_calendar(world: World) -> Iterator[Remark]:
    for day in range(world.days):
        today = world.start + timedelta(days=day)
        for service in world.services:
            span = world.at(day), world.at(day + 1)
            if service.kind == "batch" and today.day <= 2:
                yield (
                    *span,
                    "principal",
                    service.who.oid,
                    f"month-end load: {world.size.habits.month_end} times the usual reads",
                )
            if service.kind == "rotation" and today.day == 5:
                yield *span, "principal", service.who.oid, "monthly key rotation in every vault"


def _of_changes(world: World) -> Iterator[Remark]:
    for name, first in world.changes:
        yield world.at(first), world.at(first + 2), "organisation", world.estate.tenant, f"{name} begins"


def remarks(world: World) -> str:
    """One JSON object a line, in order of time: start, end, entity, note."""
    found: list[Remark] = [remark for person in world.people for remark in _of_person(world, person)]
    found += [remark for service in world.launched for remark in _of_launch(world, service)]
    found += [remark for machine in world.estate.machines for remark in _of_machine(world, machine)]
    found += _of_calendar(world)
    found += _of_changes(world)
    lines = []
    for start, end, kind, name, note in sorted(found):
        entity = {"kind": kind, "id": name}
        line = {"start": rfc3339(start), "end": rfc3339(end), "entity": entity, "note": note}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines)
