"""What is new in an object in a store, and no more: how it is fetched, and that it is all of one object."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from ingest.compression import CHUNK, GZIP, ZSTD, Octets
from ingest.object_store import Bucket, Stands, is_absent
from ingest.positions import GrowingPosition
from ingest.sniff import HEAD

WINDOW = 2 * CHUNK  # octets that are fetched at once, unless a record is longer


@dataclass(slots=True)
class Piece:
    """Some of an object's octets: how it begins, and those from one place on."""

    begins: bytes
    at: int
    data: bytes

    @property
    def size(self) -> int:
        """Where it ends."""
        return self.at + len(self.data)

    def pread(self, number: int, offset: int) -> bytes:
        """Octets from there on, as far as they are here."""
        if offset >= self.at:
            return self.data[offset - self.at : offset - self.at + number]
        return self.begins[offset : offset + number]


@dataclass(slots=True)
class Fetched:
    """How an object stands; and what is new, if that is another way than before."""

    stands: Stands | None  # None: there is no such object
    octets: Octets | None = None
    reaches: int = 0  # how far what was fetched reaches
    packed: int | None = None  # the descriptor of a file with all of a packed object, to be closed

    def rest(self, at: GrowingPosition, most: int) -> Octets | None:
        """What is behind a position, with what is needed to read it; None if that is more than so much, or packed."""
        if not isinstance(self.octets, Piece) or self.octets.size - at.offset > most:
            return None
        begin = max(self.octets.at, at.offset - at.ends[0])
        return Piece(self.octets.begins, begin, self.octets.data[begin - self.octets.at :])

    @property
    def file(self) -> int | Octets:
        """What is to be read."""
        assert self.octets is not None
        return self.octets if self.packed is None else self.packed


def fetched(bucket: Bucket, name: str, at: GrowingPosition, seen: Stands | None, window: int) -> Fetched:
    """How an object stands, and what is in it behind a position, if that is another way than was seen.

    Raises whatever the store's library does.
    """
    try:
        stands = bucket.stands(name)
        if stands is None or stands == seen:
            return Fetched(stands)
        begins = bucket.read(name, 0, min(HEAD, stands.size))
        if begins[:2] == GZIP or begins[:4] == ZSTD:
            return _whole(bucket, name, stands, begins)
        begin = max(0, at.offset - at.ends[0])
        data = bucket.read(name, begin, min(stands.size, at.offset + window))
        if not _is_same(bucket, name, stands, begins):
            return Fetched(None)  # it was replaced meanwhile: asked again
    except Exception as error:
        if is_absent(error):
            return Fetched(None)
        raise
    return Fetched(stands, Piece(begins, begin, data), begin + len(data))


def _is_same(bucket: Bucket, name: str, stands: Stands, begins: bytes) -> bool:
    """Whether it is still that object, with more in it maybe."""
    after = bucket.stands(name)
    if after is None or after == stands:
        return after is not None
    return after.size >= stands.size and bucket.read(name, 0, len(begins)) == begins


def _whole(bucket: Bucket, name: str, stands: Stands, begins: bytes) -> Fetched:
    """All of a packed object, in a file of no name: its octets are counted unpacked."""
    with tempfile.TemporaryFile(prefix="redshank-") as file:
        for begin in range(0, stands.size, WINDOW):
            file.write(bucket.read(name, begin, min(stands.size, begin + WINDOW)))
        file.flush()
        if not _is_same(bucket, name, stands, begins):
            return Fetched(None)
        descriptor = os.dup(file.fileno())
    return Fetched(stands, _OfFile(descriptor), stands.size, descriptor)


@dataclass(slots=True)
class _OfFile:
    """A file's octets."""

    descriptor: int

    @property
    def size(self) -> int:
        """How many there are."""
        return os.fstat(self.descriptor).st_size

    def pread(self, number: int, offset: int) -> bytes:
        """See `Octets`."""
        return os.pread(self.descriptor, number, offset)
