"""What more entities, a hot one, and more shards cost: records a second and CPU seconds, on Ray.

The number of records stays the same while they come from or go to 1,000, 100,000 or 1,000,000 different ones; how
many of those the records touch is said beside it, since a run holds no more than that. With as many entities as
records every record is a first one, and an hour's close is most of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs, log_inputs
from benchmarks.inputs import Input
from benchmarks.lab import (
    ALL_SERVICE,
    SIZES,
    THREE_PERCENT,
    TIMES,
    VAULT,
    Lab,
    Speed,
    check,
    figure,
    ratio,
    redshank_counts,
    say,
    unmeasured,
)
from benchmarks.record import Row
from benchmarks.running import best, module

NAME = "scaling"
ENTITIES = (1_000, 100_000, 1_000_000)
SHARDS = (1, 2, 4)
RAYLETS = (1, 3)
WITHIN = 0.7  # throughput at the most entities to that at the fewest
CONSTANT = 1.15  # CPU seconds on several shards to those on one: what two runs differ by is within it
VAULTS_TO_CALLERS = 4
ENTITY_HOURS = 100_000  # of principals that all do as much, over more or fewer hours
OVER_HOURS = (100, 10, 1)

# Of a million resources nearly each one's flow is its first in these: they show what the first one costs.
SHORT = f"{THREE_PERCENT}, a quarter of the flows"

Maker = Callable[..., Input]  # folder, count, many
_MAKERS: dict[str, Maker] = {
    THREE_PERCENT: lambda folder, count, many: inputs.flows(folder, count, resources=many),
    VAULT: lambda folder, count, many: log_inputs.vault_events(
        folder, count, vaults=max(8, many // VAULTS_TO_CALLERS), callers=many
    ),
}
# What is read of what was made.
_READ: dict[str, dict[str, Callable[[Input], Input]]] = {
    THREE_PERCENT: {
        THREE_PERCENT: lambda given: inputs.repeated(given, TIMES[THREE_PERCENT]),
        SHORT: lambda given: given,
    },
    VAULT: {VAULT: lambda given: given},
}
SHARDED = (ALL_SERVICE, VAULT)
HOT = 0.5  # the share of one entity
_HOT: dict[str, tuple[Callable[..., Input], dict[str, float]]] = {
    ALL_SERVICE: (inputs.flows, {"relevant": 1.0}),
    VAULT: (log_inputs.vault_events, {}),
}


def rows(lab: Lab) -> Iterator[Row]:
    """More entities, a hot one, more shards, more raylets; in brief the fewest and the most of each."""
    if lab.brief:
        yield from _entities(lab, THREE_PERCENT, _MAKERS[THREE_PERCENT], {THREE_PERCENT}, ENTITIES[::2])
        yield from _raylets(lab, ALL_SERVICE)
        yield from _as_much_each(lab, VAULT, OVER_HOURS[::2])
        return
    for case, make in _MAKERS.items():
        yield from _entities(lab, case, make, _READ[case].keys(), ENTITIES)
    yield from _as_much_each(lab, VAULT, OVER_HOURS)
    for case, (maker, more) in _HOT.items():
        yield from _hot(lab, case, maker, more)
    for case in SHARDED:
        yield from _shards(lab, case)
    yield from _raylets(lab, ALL_SERVICE)


def _entities(
    lab: Lab, case: str, make: Maker, reads: Iterable[str], entities: Sequence[int]
) -> Iterator[Row]:
    count, speeds = max(1_000, int(SIZES[case] * lab.scale)), {read: list[Speed]() for read in reads}
    for many in entities:
        given = lab.made(f"{case}, {many}", partial(make, count=count, many=many))
        for read, measured in speeds.items():
            speed = lab.speed_over(_READ[case][read](given), "ray", times=1)
            measured.append(speed)
            about = f"{speed.input.truth['entities']:,} entities seen in {speed.input.records:,} records"
            yield from _both(read, f"{many:,} {_what(given)}", speed, about)
        lab.forget(given)
    named = f"{entities[-1]:,} / {entities[0]:,}"
    for read, (least, *_, most) in speeds.items():
        value = ratio(most.per_second, least.per_second)
        yield figure(NAME, read, f"speed, {named}", value, "×", WITHIN)
        yield figure(NAME, read, "CPU of one entity more, met and judged", _one_more(least, most), "µs")


def _one_more(few: Speed, many: Speed) -> float | None:
    """Microseconds of CPU that one more entity costs in the hour in which it is met."""
    more = many.input.truth["entities"] - few.input.truth["entities"]
    if few.cpu_per_million is None or many.cpu_per_million is None or more <= 0:
        return None
    return (many.cpu_per_million - few.cpu_per_million) * many.input.records / more


def _as_much_each(lab: Lab, case: str, over: Sequence[int]) -> Iterator[Row]:
    """The same records and hours of entities: of few through many hours, of many in one."""
    scale = lab.scale / 2 if lab.brief else lab.scale
    count, speeds = max(1_000, int(SIZES[case] * scale)), []
    for hours in over:
        many = max(8, int(ENTITY_HOURS * min(1.0, scale)) // hours)
        vaults = max(8, many // VAULTS_TO_CALLERS)
        make = partial(log_inputs.vault_events, count=count, vaults=vaults, callers=many, hours=hours)
        speed = _speed(lab, f"{case}, {hours} hours", make)
        speeds.append(speed)
        each = speed.input.records / speed.input.truth["entities"] / hours
        about = f"{each:.0f} records of an entity and hour"
        yield from _both(case, f"{many:,} principals, {hours} hour{'s' * (hours > 1)}", speed, about)
    few, most = speeds[0].per_second, speeds[-1].per_second
    named = f"speed, {over[0]} times as many principals that do as much each"
    yield figure(NAME, case, named, ratio(most, few), "×", WITHIN)


def _speed(lab: Lab, named: str, make: Callable[[Path], Input]) -> Speed:
    """Of one run over an input that is asked for once."""
    given = lab.made(named, make)
    speed = lab.speed_over(given, "ray", times=1)
    lab.forget(given)
    return speed


def _hot(lab: Lab, case: str, make: Callable[..., Input], more: dict[str, float]) -> Iterator[Row]:
    """Half of everything is one entity's: its shard has three quarters of the work of two."""
    count = max(1_000, int(SIZES[case] * lab.scale))
    given = lab.made(f"{case}, hot", lambda folder: make(folder, count, name="hot", hot=HOT, **more))
    speed = lab.speed_over(given, "ray")
    even = lab.speed(case, "ray")
    yield from _both(case, f"{HOT:.0%} of them one entity's", speed, "")
    value = ratio(speed.per_second, even.per_second)
    yield figure(NAME, case, "speed, one has half / evenly", value, "×", 0.5)


def _what(given: Input) -> str:
    return "resources" if given.kind == "flows" else "principals"


def _shards(lab: Lab, case: str) -> Iterator[Row]:
    speeds = {many: lab.speed(case, "ray", many) for many in SHARDS}
    for many, speed in speeds.items():
        yield from _both(case, f"{many} shard{'s' * (many > 1)}", speed, "")
    one = speeds[SHARDS[0]].cpu_per_million
    for many in SHARDS[1:]:
        value = ratio(speeds[many].cpu_per_million, one)
        yield figure(NAME, case, f"CPU, {many} shards / 1", value, "×", CONSTANT, at_most=True)


def _raylets(lab: Lab, case: str) -> Iterator[Row]:
    """The same actors over several raylets: what passes between them leaves shared memory."""
    given, shards, runs = inputs.repeated(lab.input(case), 2), max(RAYLETS), dict[int, Speed]()
    small = [path for kind in ("flows", "vault", "activity") for path in lab.small(kind).paths]
    for many in RAYLETS:
        lab.in_time()
        say(f"{case}: {many} raylets")
        whole, start = (
            best(module("benchmarks.raylets", str(many), *lab.command(paths, "ray", shards)[1:]), 1)
            for paths in (given.paths, small)
        )
        check(given, redshank_counts(whole), f"redshank, {many} raylets")
        runs[many] = Speed(given, whole, start)
        named = f"{many} raylet{'s' * (many > 1)}, {shards} shards"
        yield from _both(case, named, runs[many], "")
    value = ratio(runs[RAYLETS[-1]].cpu_per_million, runs[RAYLETS[0]].cpu_per_million)
    named = f"CPU, {RAYLETS[-1]} raylets / {RAYLETS[0]}"
    yield figure(NAME, case, named, value, "×", CONSTANT, at_most=True)


def _both(case: str, named: str, speed: Speed, about: str) -> Iterator[Row]:
    yield figure(NAME, case, named, speed.per_second, "records/s", note=unmeasured(speed.per_second, about))
    yield figure(NAME, case, f"CPU, {named}", speed.cpu_per_million, "s/million records")
