"""An object in a store (an append blob, a log that is written anew with more in it) as a partition without an end.

Only what is new in it is fetched, beside everything else: while it is on its way the others are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

import msgspec

from ingest.blocks import Block, Followed, Health
from ingest.compression import CHUNK, Octets
from ingest.growing_file import GrowingFile, head_of, octets, stands_in, why_not
from ingest.ipfix_templates import BadTemplateError
from ingest.later import Later, if_there_is_room
from ingest.live_file import REST_S
from ingest.object_pieces import WINDOW, Fetched, fetched
from ingest.object_store import Bucket, Stands, mended
from ingest.positions import GrowingPosition, known, unusable
from ingest.records import Rejected
from ingest.sniff import HEAD

LARGEST = 128 << 20
ASKED_S = 2.0  # between two looks at an object that has just grown ...
SHARE = 10  # ... and one more for so many seconds that it was quiet ...
RARELY_S = 15.0  # ... up to this
GONE_S = 300.0  # after which an object is taken as gone: whoever lists the store has seen that, too
SHORT_S = 5.0  # for which one may be shorter than what was read of it: it may be about to be written anew
LONGEST_S = 60.0  # between two tries with a store that does not answer
DOWN_S = 5.0  # for which that may be so before it is said
KEPT = 1 << 16  # octets behind what was read that are kept, in case the object goes


class LiveObject(Followed):
    """One object. `blocks` ends when it is gone, when nothing came to it for `rest_s`, or after `stop`."""

    def __init__(self, bucket: Bucket, name: str, first_us: int | None, rest_s: float = REST_S) -> None:
        self.name, self.first_us = name, first_us
        self._given = (bucket, name, first_us, rest_s)
        self._follower: _Follower | None = None

    def __reduce__(self) -> Any:
        return LiveObject, self._given

    def stats(self) -> Health:
        """How it is doing."""
        return self._follower.health() if self._follower is not None else Health(name=self._given[0].url)

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """What is in the object behind a position, and what comes to it."""
        at = msgspec.structs.replace(known(position, GrowingPosition, self.name), rests=(0, 0))
        bucket, name, _, rest_s = self._given
        try:
            self._follower = _Follower(bucket, GrowingFile(name, at), rest_s)
        except BadTemplateError as error:
            raise unusable(self.name, error) from None
        return self._blocks(self._follower)

    def _blocks(self, follower: _Follower) -> Iterator[Block]:
        while not self._is_stopped() and not follower.is_over:
            is_idle = True
            for block in follower.look():
                is_idle = False
                yield block
                if self._is_stopped():
                    return
            if follower.rests or (is_idle and not follower.is_over):
                yield follower.idle()
            if follower.rests:
                return


class _Follower:
    """Asks how the object stands, fetches what is new and reads it."""

    def __init__(self, bucket: Bucket, reading: GrowingFile, rest_s: float) -> None:
        self.reading = reading
        self.is_over = self.rests = False
        self._bucket, self._rest_s = bucket, rest_s
        self._later: Later[Fetched] | None = None
        self._seen: Stands | None = None  # all that was there then is read
        self._is_behind = True  # there is more than was read, or may be: nobody has looked yet
        self._window = WINDOW
        self._last: Octets | None = None  # what was fetched last, if it is small
        self._due, self._active = 0.0, monotonic()
        self._fault, self._tries, self._since = "", 0, 0.0
        self._gone_since: float | None = None
        self._short_since: float | None = None
        self._said = ""

    def health(self) -> Health:
        """Whether the store answers: told as of all of it, or an outage would be told of each object."""
        since_s = monotonic() - self._since
        fault = self._fault if since_s >= DOWN_S else ""
        return Health(name=self._bucket.url, fault=fault, since_s=since_s if fault else 0.0)

    def idle(self) -> Block:
        """For now there is nothing; at rest, how it stands is kept with its place."""
        if self.rests and self._seen is not None:
            stands = self._seen.size, self._seen.stamp
            self.reading.at = msgspec.structs.replace(self.reading.at, rests=stands)
        return Block(
            idle=True,
            rests=self.rests,
            awaited=self._is_behind and not self._fault,
            soon=self._later is not None,
            down=bool(self._fault),
            position=self.reading.position(),
        )

    def look(self) -> Iterator[Block]:
        """What has come, if it is here by now."""
        now = monotonic()
        if self._later is None:
            if now >= self._due:
                ask = partial(
                    fetched, self._bucket, self.reading.name, self.reading.at, self._seen, self._window
                )
                self._later = if_there_is_room(ask)
            return
        if not self._later.is_done:
            return
        later, self._later = self._later, None
        try:
            found = later.result()
        except Exception as error:  # every library has errors of its own
            self._failed(error, now)
            return
        self._fault, self._tries = "", 0
        try:
            yield from self._heard(found, now)
        finally:
            if found.packed is not None:
                os.close(found.packed)

    def _failed(self, error: Exception, now: float) -> None:
        if not self._fault:
            self._since = now
        self._fault = mended(error)
        self._due = now + min(LONGEST_S, 0.5 * 2.0 ** min(self._tries, 10))
        self._tries += 1

    def _heard(self, found: Fetched, now: float) -> Iterator[Block]:
        if found.stands is None:
            self._gone_since, self._is_behind = self._gone_since or now, False
            self._due = now + min(RARELY_S, GONE_S / 10)
            if now - self._gone_since >= GONE_S:
                yield from self._gone()
            return
        self._gone_since = None
        if found.octets is None:
            self._quiet(now)
        else:
            yield from self._changed(found, found.stands, now)

    def _quiet(self, now: float) -> None:
        quiet_s = now - self._active
        self._due = now + min(RARELY_S, ASKED_S + quiet_s / SHARE)
        self.rests = quiet_s >= self._rest_s

    def _changed(self, found: Fetched, stands: Stands, now: float) -> Iterator[Block]:
        assert found.octets is not None
        at = self.reading.at
        if at.offset and not stands_in(found.octets, at):
            if self._is_short(found.octets, now):
                self._due = now + SHORT_S / 5
                return
            yield from self._replaced()
            self._due = now
            return
        self._short_since = None
        before = self.reading.at.offset
        yield from self.reading.read(found.file, CHUNK, False)
        if not self.reading.at.content and stands.size > HEAD:
            yield from self._said_once(why_not(head_of(found.file)))
        self._last = found.rest(self.reading.at, KEPT)
        self._active = now
        self._is_behind = found.reaches < stands.size
        if self._is_behind:
            self._window = WINDOW if self.reading.at.offset > before else min(LARGEST, 2 * self._window)
            self._due = now
        else:
            self._seen, self._window, self._due = stands, WINDOW, now + ASKED_S
            self.rests = not self._rest_s

    def _is_short(self, there: Octets, now: float) -> bool:
        offset = self.reading.at.offset
        if octets(there, offset - 1, offset):
            return False
        self._short_since = self._short_since or now
        return now - self._short_since < SHORT_S

    def _replaced(self) -> Iterator[Block]:
        """Another object has the name now: it is read from its begin."""
        yield from self._finish()
        yield self._block(
            f"the object was replaced: what had come to it behind octet {self.reading.at.offset}, if anything, "
            "was not read"
        )
        self.reading = GrowingFile(self.reading.name, GrowingPosition())
        self._seen, self._last, self._short_since = None, None, None

    def _gone(self) -> Iterator[Block]:
        yield from self._finish()
        yield self._block(f"the object is gone; it was read up to octet {self.reading.at.offset}")
        self.is_over = True

    def _finish(self) -> Iterator[Block]:
        """Read what is here of the old one to its end."""
        if self._last is not None and self.reading.at.content:
            yield from self.reading.read(self._last, CHUNK, True)

    def _said_once(self, reason: str) -> Iterator[Block]:
        if reason != self._said:
            self._said = reason
            yield self._block(reason.replace("the file", "the object"))

    def _block(self, reason: str) -> Block:
        said = Rejected(reason=reason, source=self.reading.name, kind="file")
        return Block(rejected=[said], position=self.reading.position())
