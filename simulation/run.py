"""Runs the simulation: day by day, everybody's work, the machines' traffic and the attacks, into files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from simulation.acts import DAY_US, Act
from simulation.attacks import LOUD, ONCE, Attack, stage
from simulation.automation import day_of_services
from simulation.benign import remarks
from simulation.changes import calendar, changed_acts, changed_talks
from simulation.output import CONFIGURATION, Captures, Logs, feeds, inventory, truth
from simulation.sign_ins import SignInLogs
from simulation.traffic import day_of_traffic
from simulation.work import day_of_work
from simulation.world import START, Organisation, World, make_world


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. `left_out` says why an attack could not be played, by type."""

    out: Path
    days: int
    management_records: int
    vault_records: int
    flows: int
    attacks: tuple[str, ...]
    left_out: dict[str, str]
    sign_ins: int = 0


def simulate(
    out: Path,
    days: int = 60,
    seed: int = 7,
    attacks: Sequence[str] | None = None,
    organisation: Organisation | None = None,
    start: date = START,
    progress: Callable[[int, int], None] | None = None,
    strength: str = LOUD,
    course: str = ONCE,
    *,
    changes: bool = False,
    sign_ins: bool = False,
) -> Summary:
    """Write an organisation's telemetry of so many days into a folder, with attacks and the truth about them.

    `attacks` are types (None: all 26; empty: none), `strength` is 'loud', 'moderate' or 'faint', `course` says
    when they are played (`attacks.courses`), `progress` is called with the days done and the days there are. With
    `changes` the organisation is changed in its second half (`simulation.changes`), with `sign_ins` the
    directory's logs stand beside the others. The same arguments give the same
    bytes, and the benign part does not depend on the attacks. Raises ValueError for an unknown type, strength or
    course, too few days or too small an organisation, FileExistsError if the folder holds something that is not a
    simulation's.
    """
    if days < 1:
        raise ValueError(f"a simulation needs at least one day, not {days}")
    world = make_world(seed, start, days, organisation or Organisation())
    if changes:
        world.changes = calendar(days)
    staged, left_out = stage(world, attacks, strength, course)
    out = Path(out)
    _clear(out)
    logs, captures = Logs(world, out / "telemetry"), Captures(world, out / "telemetry")
    directory = SignInLogs(world, out / "telemetry") if sign_ins else None
    _work(world, 0, logs, directory)
    for day in range(days):
        if day + 1 < days:  # in the east a day's work begins on the day before, in UTC
            _work(world, day + 1, logs, directory)
        for machine in world.estate.machines:
            captures.take(machine, day_of_traffic(world, machine, day), machine.name, day)
        for machine, made in changed_talks(world, day):
            captures.take(machine, made, "change", machine.name, day)
        _attack(world, staged, day, logs, captures)
        logs.write(day)
        captures.write(day)
        if directory is not None:
            directory.take_strange(_of_day(world, [each for each in staged if each.signs_in], day))
            directory.write(day)
        if progress is not None:
            progress(day + 1, days)
    _write_beside(world, out, staged)
    signed_in = directory.count if directory is not None else 0
    played = tuple(sorted(attack.truth.type for attack in staged if not attack.truth.withheld))
    return Summary(out, days, logs.management, logs.vault, captures.flows, played, left_out, signed_in)


def _work(world: World, day: int, logs: Logs, directory: SignInLogs | None) -> None:
    acts = benign_acts(world, day)
    logs.take(acts)
    if directory is not None:
        directory.take(acts)


def benign_acts(world: World, day: int) -> list[Act]:
    """Everything that people and services do in work that starts on that day."""
    acts: list[Act] = []
    for person in world.people:
        acts += day_of_work(world, person, day)
    for service in (*world.services, *world.launched):
        acts += day_of_services(world, service, day)
    return acts + changed_acts(world, day)


def _attack(world: World, staged: Sequence[Attack], day: int, logs: Logs, captures: Captures) -> None:
    """What attacks do on that day."""
    begin, end = world.at(day), world.at(day) + DAY_US
    logs.take(_of_day(world, staged, day))
    for n, attack in enumerate(staged):
        for machine, made in attack.talks:
            today = made[(made["start_us"] >= begin) & (made["start_us"] < end)]
            captures.take(machine, today, "attack", attack.truth.type, n, day)


def _of_day(world: World, staged: Sequence[Attack], day: int) -> list[Act]:
    begin = world.at(day)
    return [act for attack in staged for act in attack.acts if begin <= act.at_us < begin + DAY_US]


def _write_beside(world: World, out: Path, staged: Sequence[Attack]) -> None:
    (out / "feeds").mkdir(exist_ok=True)
    texts = feeds(world) | {
        "inventory.csv": inventory(world),
        "redshank.toml": CONFIGURATION % world.size.sampling,
        "truth.jsonl": truth(staged),
        "benign.jsonl": remarks(world),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")


def _clear(out: Path) -> None:
    """An earlier simulation is replaced; a folder with anything else is not touched."""
    if out.exists() and any(out.iterdir()) and not (out / "truth.jsonl").exists():
        raise FileExistsError(f"{out} is not empty and was not written by a simulation")
    shutil.rmtree(out / "telemetry", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
