"""A file that grows, as a partition without an end: what is whole in it is read, the rest waits for its rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.blocks import Block, Followed, shown
from ingest.growing_file import GrowingFile, first_us_of
from ingest.ipfix_templates import BadTemplateError
from ingest.live_follower import START, Follower
from ingest.positions import GrowingPosition, known, unusable
from ingest.times import path_us

REST_S = 600.0  # after which a file that does not grow is left to itself


def untold() -> int:
    """The time of day, where nobody tells it."""
    return 0


class LiveFile(Followed):
    """One file. `blocks` ends when the file is gone, when nobody wrote to it for `rest_s`, or after `stop`.

    `now_us` gives the time of day. With it, what was written before the first look counts by when it was written.
    `begins`: where it is read from, if nothing else is said.
    """

    def __init__(
        self,
        path: Path,
        rest_s: float = REST_S,
        now_us: Callable[[], int] = untold,
        begins: GrowingPosition = START,
    ) -> None:
        self.name = shown(path)
        self._path, self._rest_s, self._now_us, self._begins = path, rest_s, now_us, begins
        self.first_us = path_us(self.name) or first_us_of(self._path, self.name)

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """What is in the file behind a position, and what is appended; an idle one costs a stat."""
        at = self._begins if position is None else known(position, GrowingPosition, self.name)
        at = msgspec.structs.replace(at, rests=(0, 0))
        try:
            reading = GrowingFile(self.name, at)
            follower = Follower(self._path, reading, self._rest_s, self._now_us, self._begins)
        except BadTemplateError as error:
            raise unusable(self.name, error) from None
        return self._blocks(follower)

    def _blocks(self, follower: Follower) -> Iterator[Block]:
        try:
            while not self._is_stopped() and not follower.is_over:
                is_idle = True
                for block in follower.look():
                    is_idle = False
                    yield block
                    if self._is_stopped():
                        return
                if is_idle and not follower.is_over:
                    position, quiet_us = follower.reading.position(), follower.quiet_us
                    yield Block(idle=True, rests=follower.rests, quiet_us=quiet_us, position=position)
                if follower.rests:
                    return
        finally:
            follower.close()
            follower.leave()
