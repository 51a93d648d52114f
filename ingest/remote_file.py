"""An object in a store as a file that is read once, to its end: it is fetched where and when it is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec

from ingest.blocks import Block
from ingest.compression import CutShortError, chunks
from ingest.file_kinds import file_of, position_of
from ingest.later import AT_ONCE
from ingest.object_pieces import WINDOW, Piece
from ingest.object_store import Bucket, Stands, mended
from ingest.positions import known
from ingest.records import Rejected
from ingest.sniff import HEAD, sniff
from ingest.times import path_us

TRIES = 6
PAUSE_S = 0.5  # before the second try, and twice as long before each one after it


class RemoteFile:
    """One object; positions in it are those of a file with its content."""

    def __init__(
        self, bucket: Bucket, name: str, kind: str, size: int, lateness_us: int, first_us: int | None
    ) -> None:
        self.name, self.first_us = name, first_us
        self._bucket, self._kind, self._size, self._lateness_us = bucket, kind, size, lateness_us

    def prefetch(self, position: Any = None) -> None:
        """Nothing: it is read when it is wanted."""

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """See `file_of`: as that of a file."""
        known(position, position_of(self._kind), self.name)
        return self._blocks(position)

    def _blocks(self, position: Any) -> Iterator[Block]:
        with NamedTemporaryFile(prefix="redshank-") as file:
            try:
                fetch(self._bucket, self.name, self._size, file)
            except Exception as error:  # every library has errors of its own
                reason = f"the object can't be read: it {mended(error)}"
                yield Block(rejected=[_said(self.name, reason)], position=position)
                return
            path = Path(file.name)
            inner = file_of(self._kind, path, self._lateness_us)
            for block in inner.blocks(position):
                block.rejected = [_renamed(one, inner.name, self.name) for one in block.rejected]
                yield block


def _said(name: str, reason: str) -> Rejected:
    return Rejected(reason=reason, source=name, kind="file")


def _renamed(one: Rejected, before: str, name: str) -> Rejected:
    return msgspec.structs.replace(one, source=name) if one.source == before else one


def fetch(bucket: Bucket, name: str, size: int, file: Any) -> None:
    """Write an object to a file, a piece at a time; each is tried several times. Raises what the last try did."""
    for begin in range(0, size, WINDOW):
        file.write(_patiently(bucket, name, begin, min(size, begin + WINDOW)))
    file.flush()


def _patiently(bucket: Bucket, name: str, begin: int, end: int) -> bytes:
    for attempt in range(TRIES - 1):
        try:
            return bucket.read(name, begin, end)
        except FileNotFoundError:
            raise
        except Exception:  # the last one is told
            time.sleep(PAUSE_S * 2**attempt)
    return bucket.read(name, begin, end)


def discover_objects(
    bucket: Bucket, objects: dict[str, Stands], lateness_us: int
) -> Iterator[RemoteFile | Rejected]:
    """Objects as partitions, in the order of names; or why one is none."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda name: _found(bucket, name, objects[name], lateness_us), sorted(objects))


def _found(bucket: Bucket, name: str, stands: Stands, lateness_us: int) -> RemoteFile | Rejected:
    try:
        begins = _patiently(bucket, name, 0, min(stands.size, 2 * HEAD))
        kind = sniff(next(chunks(Piece(begins, 0, begins), HEAD), b""))
        if not kind.kind:
            return _said(name, kind.reason.replace("the file", "the object"))
        first_us = path_us(name) or _first_us(bucket, name, stands.size, kind.kind, lateness_us)
    except CutShortError as error:
        return _said(name, str(error))
    except Exception as error:
        return _said(name, f"the object can't be read: it {mended(error)}")
    return RemoteFile(bucket, name, kind.kind, stands.size, lateness_us, first_us)


def _first_us(bucket: Bucket, name: str, size: int, kind: str, lateness_us: int) -> int | None:
    """As the file would have it, whose newest record may come first: for that all of it is fetched."""
    with NamedTemporaryFile(prefix="redshank-") as file:
        fetch(bucket, name, size, file)
        path = Path(file.name)
        return file_of(kind, path, lateness_us).first_us
