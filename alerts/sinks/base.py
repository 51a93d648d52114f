"""What every sink has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from alerts.store.outbox import Row

LONGEST = 300  # letters of an error that are kept


class NotNowError(Exception):
    """The sink can't take it now; it is tried again."""

    def __init__(self, why: str, asked_s: float = 0.0) -> None:
        """`asked_s`: how long the receiver wants to be left alone."""
        super().__init__(short(why))
        self.asked_s = asked_s


class RefusedError(Exception):
    """The receiver does not want it, and will not want it later."""

    def __init__(self, why: str) -> None:
        super().__init__(short(why))


class Held(NamedTuple):
    """What a cap held back from a target since its last message."""

    rows: Sequence[Row] = ()  # the oldest
    number: int = 0
    upto: int = 0  # the newest of them


NOTHING_HELD = Held()


class Sink(Protocol):
    """Where alerts are delivered. It is used by one thread."""

    most: int  # rows that are told at once: all of them are taken, or none

    def send(self, rows: Sequence[Row], at: float, held: Held = NOTHING_HELD) -> None:
        """Tell them, at a time in seconds since 1970. Raises NotNowError or RefusedError."""

    def check(self) -> str:
        """Reach the receiver and send nothing; says what was found. Raises NotNowError or RefusedError."""

    def close(self) -> None:
        """Give up connections."""


def short(why: str) -> str:
    """An error in one line without what a terminal would obey, whatever the receiver put into it."""
    line = " ".join("".join(one if one.isprintable() else " " for one in why).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."
