"""What is under a URL in an object store, listed again and again: each new object becomes a live partition.

Listing goes on beside everything else. A store that does not answer is asked again, the rarer the longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import Any

from ingest.blocks import Health, LivePartition
from ingest.errors import PositionError
from ingest.growing_file import first_us as begins_us
from ingest.later import Later
from ingest.live_file import REST_S
from ingest.live_object import LiveObject
from ingest.object_pieces import Piece
from ingest.object_store import NO_SUCH, Bucket, Stands, is_absent, mended
from ingest.positions import GrowingPosition, known
from ingest.sources import is_left_out
from ingest.times import path_us

EVERY_S = 15.0  # between two lists ...
SHARE = 20  # ... and at most so manieth of the time
LONGEST_S = 60.0  # between two tries with a store that does not answer
FIRST_S = 20.0  # for which a start waits for the first list
PEEKED = 1 << 16  # octets that are looked at for the first event time
PEEKS = 2_000  # objects whose names tell no time, of one list, of which that is done

NOTHING: Mapping[str, Any] = MappingProxyType({})


class LiveBucket:
    """All objects under a URL. `positions` are those of a checkpoint, by the names of partitions."""

    def __init__(
        self, bucket: Bucket, positions: Mapping[str, Any] = NOTHING, rest_s: float = REST_S
    ) -> None:
        """Raises ConfigurationError where the URL can't be used."""
        self._bucket, self._rest_s = bucket, rest_s
        self._objects: dict[str, Stands] | None = None  # at the last list; None: there was none yet
        self._firsts: dict[str, int | None] = {}  # event times at which they begin, of those that are new
        self._later: Later[tuple[dict[str, Stands], dict[str, int | None], float]] | None = None
        self._due = 0.0
        self._fault, self._since, self._tries = "", 0.0, 0
        self._begun = {
            name: LiveObject(bucket, name, path_us(name), rest_s)
            for name, position in positions.items()
            if bucket.has(name) and _is_begun(name, position)
        }

    def found(self, resting: Mapping[str, Any] = NOTHING) -> list[LivePartition]:
        """What was being read before, whether or not the store answers; and what else is there."""
        begun: list[LivePartition] = list(self._begun.values())
        self.begin()
        if self._later is not None:
            self._later.wait(FIRST_S)
        return [*begun, *self.look(resting)]

    def look(self, resting: Mapping[str, Any] = NOTHING) -> list[LivePartition]:
        """Those that are new since the last list, as far as it is here, and those at rest that have changed."""
        if self._later is not None and self._later.is_done:
            later, self._later = self._later, None
            try:
                objects, firsts, took_s = later.result()
            except Exception as error:  # every library has errors of its own
                self._failed(error)
            else:
                self._fault, self._tries = "", 0
                self._due = monotonic() + max(EVERY_S, SHARE * took_s)
                return self._listed(objects, firsts, resting)
        self.begin()
        return []

    def has(self, name: str) -> bool:
        """Whether an object of that name was there at the last list; before the first one nobody knows."""
        return self._bucket.has(name) if self._objects is None else name in self._objects

    @property
    def is_unlisted(self) -> bool:
        """Whether there may be objects that nobody knows of."""
        return self._objects is None or bool(self._fault)

    def health(self) -> list[Health]:
        """Whether the store can be listed."""
        if not self._fault:
            return []
        return [Health(name=self._bucket.url, fault=self._fault, since_s=monotonic() - self._since)]

    def begin(self) -> None:
        """Ask, if it is time and nobody does."""
        if self._later is None and monotonic() >= self._due:
            self._later = Later(partial(listed, self._bucket, dict(self._objects or {})))

    def _failed(self, error: Exception) -> None:
        now = monotonic()
        if not self._fault:
            self._since = now
        self._fault = NO_SUCH if is_absent(error) else mended(error)
        self._due = now + min(LONGEST_S, 2.0 ** min(self._tries, 10))
        self._tries += 1

    def _listed(
        self, objects: dict[str, Stands], firsts: dict[str, int | None], resting: Mapping[str, Any]
    ) -> list[LivePartition]:
        before, self._objects = self._objects or {}, objects
        newest_us = max((one.changed_us for one in objects.values()), default=0)
        new = []
        for name, stands in objects.items():
            if name in self._begun:
                continue
            position = resting.get(name)
            if name not in before if position is None else _stirs(name, position, stands):
                # What nobody has written to for long need not be asked again and again.
                old = newest_us - stands.changed_us > self._rest_s * 1e6
                first_us = firsts.get(name, path_us(name))
                new.append(LiveObject(self._bucket, name, first_us, 0.0 if old else self._rest_s))
        self._begun = {}  # from now on they are like any other
        return sorted(new, key=lambda one: (one.first_us or 0, one.name))


def listed(
    bucket: Bucket, before: Mapping[str, Stands]
) -> tuple[dict[str, Stands], dict[str, int | None], float]:
    """All objects that may be telemetry; of the new ones whose names tell no time, that of their first record; and how
    long it took. Raises whatever the store's library does."""
    began = monotonic()
    objects = {
        name: stands for name, stands in bucket.objects().items() if not is_left_out(name.rpartition("/")[2])
    }
    took_s = monotonic() - began
    new = [name for name in objects if name not in before and path_us(name) is None]
    firsts = {name: first_us(bucket, name, objects[name]) for name in new[:PEEKS]}
    return objects, firsts, took_s


def first_us(bucket: Bucket, name: str, stands: Stands) -> int | None:
    """The least time in what begins an object, if something is there."""
    try:
        data = bucket.read(name, 0, min(PEEKED, stands.size))
    except Exception as error:
        if is_absent(error):
            return None
        raise
    return begins_us(name, Piece(data, 0, data), PEEKED)


def _is_begun(name: str, position: Any) -> bool:
    """Whether a source was read and not left to itself."""
    try:
        return known(position, GrowingPosition, name).rests == (0, 0)
    except PositionError:
        return False


def _stirs(name: str, position: Any, stands: Stands) -> bool:
    return known(position, GrowingPosition, name).rests != (stands.size, stands.stamp)
