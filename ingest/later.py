"""Calls that may take long, made beside everything else; so many at once in a process, and no more."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
AT_ONCE = 8

_room = BoundedSemaphore(AT_ONCE)


class Later(Generic[T]):
    """A call under way. Its thread ends with the process, whatever it waits for."""

    def __init__(self, call: Callable[[], T], release: Callable[[], None] = lambda: None) -> None:
        self._call, self._release = call, release
        self._made: T | None = None
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="later", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._made = self._call()
        except Exception as error:  # raised where the result is taken
            self._error = error
        finally:
            self._release()

    def wait(self, seconds: float) -> None:
        """Until it is done, or for so long."""
        self._thread.join(seconds)

    @property
    def is_done(self) -> bool:
        """Whether the result is here."""
        return not self._thread.is_alive()

    def result(self) -> T:
        """What it came to, once it is done. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._made  # type: ignore[return-value]


def if_there_is_room(call: Callable[[], T]) -> Later[T] | None:
    """The call under way; None: there are too many at once, ask again."""
    return Later(call, _room.release) if _room.acquire(blocking=False) else None
