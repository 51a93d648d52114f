"""A back-up's file: a tar archive compressed with zstd, of a checkpoint's parts and its manifest, which comes last.

Each member is a file of the store as it is. We read tar's plain headers ourselves, and nothing else: no links,
no extended headers, no names but those of parts and manifests. Hostile archives cost bounded memory.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Protocol

import zstandard

from cluster.errors import UserError
from cluster.frame import Buffer
from cluster.manifest import manifest_epoch, part_epoch

BLOCK = tarfile.BLOCKSIZE
PIECE = 1 << 20
MOST_MEMBERS = 1_000_000
LONGEST_NAME = 99  # of a header of tar
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


class Writer:
    """Takes members, one after the other."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, frame: Sequence[Buffer], at_us: int) -> None:
        """Write a member."""
        about = tarfile.TarInfo(name)
        about.size = sum(memoryview(piece).nbytes for piece in frame)
        about.mode, about.mtime = 0o600, at_us // 1_000_000
        self._tar.addfile(about, _Frame(frame))


class _Frame:
    """Buffers as a file to read, without joining them."""

    def __init__(self, frame: Sequence[Buffer]) -> None:
        self._left = [memoryview(piece).cast("B") for piece in frame]

    def read(self, size: int = -1) -> bytes:
        out = bytearray()
        while self._left and (size < 0 or len(out) < size):
            want = len(self._left[0]) if size < 0 else size - len(out)
            out += self._left[0][:want]
            self._left[0] = self._left[0][want:]
            if not len(self._left[0]):
                del self._left[0]
        return bytes(out)


@contextmanager
def writing(file: Path) -> Iterator[Writer]:
    """An archive that appears whole or not at all, for its owner alone."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as raw:
                packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
                with (
                    packer.stream_writer(raw, closefd=False) as packed,
                    tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
                ):
                    yield Writer(tar)
                raw.flush()
                os.fsync(raw.fileno())
            Path(part).replace(file)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{file}: can't be written: {error.strerror or error}") from None


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Member:
    """A file in the archive; it is read, or passed over, before the next one."""

    def __init__(self, name: str, size: int, source: _Source, where: str) -> None:
        self.name, self.size = name, size
        self._source, self._where = source, where
        self._left = size

    def pieces(self) -> Iterator[bytes]:
        """All of it, some octets at a time."""
        while self._left:
            piece = _exactly(self._source, min(PIECE, self._left), self._where)
            self._left -= len(piece)
            yield piece

    def read(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces())

    def end(self) -> None:
        """Pass over what was not read, and the padding."""
        for _ in self.pieces():
            pass
        _exactly(self._source, -self.size % BLOCK, self._where)


@contextmanager
def reading(file: Path) -> Iterator[Iterator[Member]]:
    """The members of an archive. Raises UserError for what is no back-up of ours, or is damaged."""
    try:
        with file.open("rb") as raw:
            yield _members(raw, str(file))
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror or error}") from None
    except zstandard.ZstdError as error:
        raise UserError(f"{file}: is no back-up of Redshank, or is damaged ({error})") from None


def _members(raw: BinaryIO, where: str) -> Iterator[Member]:
    source: Any = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(
        raw, read_across_frames=True
    )
    for _ in range(MOST_MEMBERS):
        head = _exactly(source, BLOCK, where)
        if not any(head):  # the end; tar fills its last record up with zeros
            return
        member = _member(head, source, where)
        yield member
        member.end()
    _refused(where, "it has too many files in it")


def _member(head: bytes, source: _Source, where: str) -> Member:
    try:
        about = tarfile.TarInfo.frombuf(head, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError):
        _refused(where, "it is no tar archive of one")
    name = about.name
    if about.type not in _PLAIN or about.size < 0:
        _refused(where, f"{name[:80]!r} in it is no plain file")
    if len(name) > LONGEST_NAME or (part_epoch(name) is None and manifest_epoch(name) is None):
        _refused(where, f"{name[:80]!r} in it is no file of a checkpoint")
    return Member(name, about.size, source, where)


def _refused(where: str, why: str) -> NoReturn:
    raise UserError(f"{where}: is no back-up of Redshank: {why}")


def _exactly(source: _Source, size: int, where: str) -> bytes:
    out = b""
    while len(out) < size:
        piece = source.read(size - len(out))
        if not piece:
            raise UserError(f"{where}: is damaged: it ends too early")
        out += piece
    return out
