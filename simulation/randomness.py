"""Random numbers by name: each person, vault, machine and day has a stream of its own.

So a stream never depends on how much another one drew: adding an attack, a machine or a day leaves all
the others as they were.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def seed_of(*parts: object) -> int:
    """A 128-bit number for the name, the same on every machine and in every run."""
    name = "|".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(name, digest_size=16).digest(), "big")


def stream(*parts: object) -> random.Random:
    """The stream of that name, for single draws."""
    return random.Random(seed_of(*parts))


def numbers(*parts: object) -> np.random.Generator:
    """The stream of that name, for draws of whole columns."""
    return np.random.default_rng(seed_of(*parts))


def guid(rng: random.Random) -> str:
    """A GUID as the cloud writes it, lower case."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Zipf:
    """Picks items by rank: the n-th is picked with a chance proportional to 1 / n^s."""

    __slots__ = ("items", "steps")

    def __init__(self, items: Sequence[object], s: float = 1.0) -> None:
        self.items = items
        self.steps = list(accumulate(1 / (n + 1) ** s for n in range(len(items))))

    def index(self, rng: random.Random) -> int:
        """The rank that was picked, from 0."""
        return min(bisect(self.steps, rng.random() * self.steps[-1]), len(self.steps) - 1)


def ranked(rng: random.Random, items: Sequence[T], s: float = 1.0) -> T:
    """One of the items, the first ones more often."""
    return items[Zipf(items, s).index(rng)]


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson count (by multiplication of uniforms: for means below 50)."""
    limit, product, count = 2.718281828459045**-mean, rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
