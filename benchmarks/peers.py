"""The same job by others, on the same files, and the limit that decoding alone sets.

Whoever is measured counts first: records, those that bear on a detection, entities and the different others of
each must be what the input's maker knows. A peer that is not installed has a row that says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks import peer_nfdump as nfdump
from benchmarks.inputs import Input
from benchmarks.lab import ACTIVITY, THREE_PERCENT, VAULT, Lab, Speed, check, figure, ratio
from benchmarks.record import Row
from benchmarks.running import CommandError, Run, module

NAME = "peers"
UNIT, CPU_UNIT = "records/s", "s/million records"
NFDUMP_TOP, NFDUMP_GROUPS = 0.15, 1.0
BYTEWAX_FLOWS, BYTEWAX_EVENTS, DECODING = 20.0, 2.0, 0.2


def rows(lab: Lab) -> Iterator[Row]:
    """Flows, then the two logs."""
    yield from _flows(lab)
    for case in (VAULT, ACTIVITY):
        yield from _events(lab, case)


def _flows(lab: Lab) -> Iterator[Row]:
    case, ours = THREE_PERCENT, lab.speed(THREE_PERCENT, "ray").per_second
    yield from _redshank(lab, case)
    yield from _nfdump(lab, case, ours)
    for form, named in (("flows", "Bytewax"), ("columns", "Bytewax, filter in NumPy"))[
        : 1 if lab.brief else 2
    ]:
        yield from _bytewax(lab, case, ["peer_bytewax", form], named, ours, BYTEWAX_FLOWS)
    yield from _ours(lab, case, "loop", "plain River loop, filter in NumPy", ours, None)
    yield from _ours(lab, case, "decode", "the limit: NumPy framing alone", ours, None)


def _events(lab: Lab, case: str) -> Iterator[Row]:
    ours = lab.speed(case, "ray").per_second
    yield from _redshank(lab, case)
    kind = lab.input(case).kind
    yield from _bytewax(lab, case, ["peer_judged", kind], "Bytewax, the same state", ours, BYTEWAX_EVENTS)
    if not lab.brief:
        yield from _bytewax(lab, case, ["peer_bytewax", kind], "Bytewax, counts alone", ours, None)
        yield from _ours(lab, case, "loop", "plain River loop", ours, None)
    yield from _ours(lab, case, "decode", "the limit: msgspec decoding alone", ours, DECODING)


def _redshank(lab: Lab, case: str) -> Iterator[Row]:
    speed = lab.speed(case, "ray")
    yield figure(NAME, case, "Redshank on Ray", speed.per_second, UNIT)
    yield figure(NAME, case, "CPU, Redshank on Ray", speed.cpu_per_million, CPU_UNIT)


def _shown(
    case: str, named: str, theirs: Speed | None, ours: float | None, goal: float | None, note: str = ""
) -> Iterator[Row]:
    """Their speed, ours to theirs, and the CPU seconds, which a busy machine changes least."""
    speed, cpu = (theirs.per_second, theirs.cpu_per_million) if theirs else (None, None)
    yield figure(NAME, case, named, speed, UNIT, note=note)
    yield figure(NAME, case, f"Redshank to {named}", ratio(ours, speed), "×", goal, note=note)
    yield figure(NAME, case, f"CPU, {named}", cpu, CPU_UNIT, note=note)


def timed(lab: Lab, given: Input, words: list[str | Path], who: str) -> Speed:
    """A peer that prints what it counted. Raises CommandError if that is not what is in the files."""

    def command(some: Input) -> list[str | Path]:
        feed: list[str | Path] = ["--indicators", lab.indicators] if some.kind == "flows" else []
        return [*module(str(words[0]), *words[1:]), *some.paths, *feed]

    speed = lab.other(given, command, who)
    check(given, json.loads(speed.whole.said), who)
    return speed


def _ours(lab: Lab, case: str, job: str, named: str, ours: float | None, goal: float | None) -> Iterator[Row]:
    given = lab.input(case)
    speed = timed(lab, given, ["benchmarks.peer_loop", job, given.kind], named)
    yield from _shown(case, named, speed, ours, goal)


def _bytewax(
    lab: Lab, case: str, job: list[str], named: str, ours: float | None, goal: float | None
) -> Iterator[Row]:
    if find_spec("bytewax") is None:
        yield from _shown(case, named, None, ours, goal, "not installed: bytewax")
        return
    speed = timed(lab, lab.input(case), [f"benchmarks.{job[0]}", *job[1:]], named)
    yield from _shown(case, named, speed, ours, goal)


def _nfdump(lab: Lab, case: str, ours: float | None) -> Iterator[Row]:
    questions = (
        ("nfdump, filter and top N", nfdump.TOP, NFDUMP_TOP),
        ("nfdump, filter and aggregation", (*nfdump.AGGREGATED, nfdump.FILTER), None),
        ("nfdump, aggregation of all", nfdump.AGGREGATED, NFDUMP_GROUPS),
    )
    if why := nfdump.missing():
        for named, _, goal in questions:
            yield from _shown(case, named, None, ours, goal, why)
        return
    given = lab.input(case)
    data = collected(given)
    for named, question, goal in questions:
        lab.in_time()
        one = nfdump.read(data, *question, times=lab.times)
        if nfdump.processed(one) != given.records:
            raise CommandError(f"nfdump looked at {nfdump.processed(one):,} of {given.records:,} flows")
        # Its start is a few milliseconds: none is subtracted.
        yield from _shown(case, named, Speed(given, one, Run(0.0, 0.0)), ours, goal)


def collected(given: Input) -> Path:
    """The flows in nfdump's form, counted. Raises CommandError if they are not the same."""
    data = nfdump.collected(given.paths, given.paths[0].parent / "nfdump")
    found = {
        "records": nfdump.flows_in(data),
        "service": nfdump.flows_in(data, nfdump.FILTER),
        "service_pairs": nfdump.groups_in(data, nfdump.FILTER),
    }
    check(given, found, "nfdump")
    return data
