"""When a server that was told to stop is to have ended: what it could read again is not waited for after that."""

from __future__ import annotations

import time
from collections.abc import Callable


class OverdueError(Exception):
    """It is to have ended by now."""


class Deadline:
    """None, until it is set: by a signal's handler, so it does nothing but remember the time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at_s: float | None = None

    def set(self, within_s: float) -> None:
        """From now on; the first word counts."""
        if self._at_s is None:
            self._at_s = self._clock() + within_s

    def left_s(self, most_s: float) -> float:
        """How long may be waited, at most."""
        return most_s if self._at_s is None else max(0.0, min(most_s, self._at_s - self._clock()))

    def check(self) -> None:
        """Raises OverdueError once it has passed."""
        if self._at_s is not None and self._clock() >= self._at_s:
            raise OverdueError
