"""A stream of observations for each baseline, with keys that never come again among them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

Observation = dict[str, Any]
Stream = Callable[[random.Random], Iterator[Observation]]


def counts(rng: random.Random) -> Iterator[Observation]:
    """An hour's count, some hours left out."""
    hour = 490_000
    while True:
        hour += rng.choice((1, 1, 1, 2, 30))
        profile, skipped = rng.uniform(0.1, 3.0), rng.uniform(0.0, 3.0)
        yield {"hour": hour, "count": rng.randrange(40), "profile": profile, "skipped": skipped}


def keys(rng: random.Random) -> Iterator[Observation]:
    """Regular callers, and one in two that is new."""
    number = 0
    while True:
        number += 1
        key = f"regular{rng.randrange(30)}" if rng.random() < 0.5 else f"new{number}"
        yield {"hour": 490_000 + number // 20, "key": key}


def mixes(rng: random.Random) -> Iterator[Observation]:
    """An hour's operations, twenty-five of them under a name never seen before."""
    number = 0
    while True:
        number += 1
        new = {f"op{number}.{part}": 1 for part in range(25)}
        yield {
            "hour": 490_000 + number,
            "counts": {"SecretGet": 20 + rng.randrange(9), "SecretList": 3, **new},
        }


def places(rng: random.Random) -> Iterator[Observation]:
    """Activity from a new address each time."""
    number = 0
    while True:
        number += 1
        hour = 490_000 + number // 50
        yield {
            "hour": hour,
            "at_us": hour * 3_600_000_000 + number,
            "latitude": rng.uniform(-90.0, 90.0),
            "longitude": rng.uniform(-180.0, 180.0),
            "country": rng.choice(("DE", "FR", "GB")),
            "address": f"2001:db8::{number:x}",
        }


def times(rng: random.Random) -> Iterator[Observation]:
    """Activity after pauses of all lengths."""
    at_us = 1_700_000_000_000_000
    while True:
        at_us += int(rng.expovariate(1 / 7_200_000_000))
        yield {"at_us": at_us}


# Observations enough for 100,000 keys; a bound in bytes on the packed state, which docs/architecture.md lives by.
STREAMS: dict[str, tuple[Stream, int, int]] = {
    "Idle": (times, 100_000, 250),
    "Mix": (mixes, 4_000, 3_000),
    "Novelty": (keys, 200_000, 80_000),
    "SeasonalCount": (counts, 100_000, 200),
    "VisitCount": (counts, 100_000, 210),
    "Whereabouts": (places, 100_000, 4_000),
}


def take(name: str, count: int, seed: int = 1) -> list[Observation]:
    """The first so many observations of a baseline's stream."""
    stream = STREAMS[name][0](random.Random(seed))
    return [next(stream) for _ in range(count)]
