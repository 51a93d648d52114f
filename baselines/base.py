"""What every baseline offers, whatever it models.

A baseline is a River model: it scores one observation, then learns from it, and its whole state is a few
plain values, so that it can be saved and moved without pickle.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Self

from river import base

GREATEST = 1e15  # no sum of a saved state is greater: what is comes from no model of ours


def number(value: Any, least: float = -GREATEST) -> float:
    """A number of a saved state. Raises ValueError for what can't be one.

    >>> number(2, 0.0)
    2.0
    """
    if type(value) not in (float, int):
        raise ValueError(f"{str(value)[:40]!r} is no number")
    if not least <= value <= GREATEST:  # nor is what is not a number
        raise ValueError(f"{value} is out of bounds")
    return float(value)


def whole(value: Any, least: int = -(1 << 62), greatest: int = 1 << 62) -> int:
    """A whole number of a saved state: an hour, a time, a limit. Raises ValueError for what can't be one."""
    if type(value) is not int or not least <= value <= greatest:
        raise ValueError(f"{str(value)[:40]!r} is no whole number in its bounds")
    return value


def optional(value: Any) -> int | None:
    """A whole number, or None: not known yet."""
    return None if value is None else whole(value)


def rows(value: Any, width: int, limit: int) -> list[Any]:
    """A table of a saved state, of so many columns and at most so many rows. Raises ValueError."""
    if not isinstance(value, list | tuple) or len(value) > limit:
        raise ValueError("a table is none, or too long")
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != width or not isinstance(row[0], str):
            raise ValueError("a table's row is not one")
    return list(value)


def rows_of_numbers(value: Any, width: int, limit: int) -> list[list[int]]:
    """A table of whole numbers of a saved state. Raises ValueError."""
    if not isinstance(value, list | tuple) or len(value) > limit:
        raise ValueError("a table is none, or too long")
    if not all(isinstance(row, list | tuple) and len(row) == width for row in value):
        raise ValueError("a table's row is not one")
    return [[whole(one) for one in row] for row in value]


class Model(base.Base, abc.ABC):
    """An online model of what is normal for one entity.

    Observations are dicts with `hour` (hours since 1970, not falling by more than the lateness allows) and
    what the model needs beside it. `score_one` is pure, and so is whatever else it is asked: what stands in for
    many (`stand_in`) says the same to all of them.
    """

    VERSION = 1  # of `state()`; a change of meaning raises it
    stands_in_for: Callable[[], Model] | None = None  # see `stand_in`

    @abc.abstractmethod
    def score_one(self, x: dict[str, Any]) -> float:
        """How unusual, as -log10 of the chance of this or something rarer: 0 = quite usual, 4 = 1 in 10,000."""

    @abc.abstractmethod
    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn one observation; `w` < 1 for one that is suspicious: slowly, yet not never."""

    def make_up(self, key: str, hour: int, w: float) -> None:
        """Learn the rest, of weight `w`, of a key that was learned slowly in a past hour, and is no suspicion any more.

        Models without keys have nothing to make up: what is like it is learned at its full weight from now on.
        """
        return

    @abc.abstractmethod
    def state(self) -> list[Any]:
        """All that was learned, as MessagePack values (no classes, no floats that are not finite)."""

    @classmethod
    @abc.abstractmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state. Raises ValueError, with a reason, for a state that is not one."""


def stand_in(make: Callable[[], Model]) -> Model:
    """A model that has learned nothing, for all entities that have taught theirs nothing yet: many of a principal's stay so.

    It is asked like any other. It is neither taught nor saved: `own` puts another one in its place.
    """
    model = make()
    model.stands_in_for = make
    return model


def own(models: dict[str, Model], name: str) -> Model:
    """The entity's own model of that name, to be taught."""
    model = models[name]
    if model.stands_in_for is not None:
        model = models[name] = model.stands_in_for()
    return model
