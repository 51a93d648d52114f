"""What every baseline offers, whatever it models.

A baseline is a River model: it scores one observation, then learns from it, and its whole state is a few
plain values, so that it can be saved and moved without pickle.
"""

from __future__ import annotations

import abc
from typing import Any, Self

from river import base


class Model(base.Base, abc.ABC):
    """An online model of what is normal for one entity.

    Observations are dicts with `hour` (hours since 1970, not falling by more than the lateness allows) and
    what the model needs beside it. `score_one` is pure.
    """

    VERSION = 1  # of `state()`; a change of meaning raises it

    @abc.abstractmethod
    def score_one(self, x: dict[str, Any]) -> float:
        """How unusual, as -log10 of the chance of this or something rarer: 0 = quite usual, 4 = 1 in 10,000."""

    @abc.abstractmethod
    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn one observation; `w` < 1 for one that is suspicious: slowly, yet not never."""

    @abc.abstractmethod
    def state(self) -> list[Any]:
        """All that was learned, as MessagePack values (no classes, no floats that are not finite)."""

    @classmethod
    @abc.abstractmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state. Raises ValueError, with a reason, for a state that is not one."""
