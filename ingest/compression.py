"""Files as streams of octets, unpacked by what they begin with."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import zstandard

CHUNK = 1 << 22
PIECE = (
    2048  # octets unpacked at a time: of zstd's blocks of 128 KB the smallest takes four, so 64 MB at most
)
NOT_THE_SAME = "the file is not what it was when it was read before"
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class CutShortError(Exception):
    """A compressed file that can't be unpacked to its end; the text says where."""


class ChangedError(Exception):
    """A file that is not what it was when it was read before; the text says how."""


class Octets(Protocol):
    """What can be read at any place: a piece of an object in a store."""

    @property
    def size(self) -> int:
        """Where it ends."""

    def pread(self, number: int, offset: int) -> bytes:
        """As `os.pread` does."""


@contextmanager
def open_stream(path: Path | int | Octets) -> Iterator[BinaryIO]:
    """The content of a file, or of an open one (its descriptor), unpacked if it is gzip or zstd. Raises OSError."""
    # The unpackers do not close what they read from.
    with path.open("rb") if isinstance(path, Path) else BufferedReader(_opened(path)) as file:
        file.seek(0)
        head = file.read(4)
        file.seek(0)
        if head[:2] == GZIP:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif head == ZSTD:
            yield cast(BinaryIO, _Unzstd(file))
        else:
            yield file


def _opened(file: int | Octets) -> RawIOBase:
    return _At(file) if isinstance(file, int) else _Of(file)


def pread(file: int | Octets, number: int, offset: int) -> bytes:
    """So many octets of an open file from there on, or as many as there are."""
    return os.pread(file, number, offset) if isinstance(file, int) else file.pread(number, offset)


class _Of(RawIOBase):
    """Reads octets that are no file."""

    def __init__(self, octets: Octets) -> None:
        self._octets, self._place = octets, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._octets.pread(len(buffer), self._place)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._place = (0, self._place, self._octets.size)[whence] + offset
        return self._place


class _At(RawIOBase):
    """Reads an open file from places of its own: a copy of a descriptor shares its place with whoever else reads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = os.dup(descriptor)
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: Any) -> int:
        number = os.preadv(self._descriptor, [buffer], self._place)
        self._place += number
        return number

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._place, os.fstat(self._descriptor).st_size)[whence]
        self._place = base + offset
        return self._place

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class _Unzstd:
    """Reads frames of zstd one after another. The library's own reader takes a cut file for a whole one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""
        self._at = 0  # in what is ready

    def read(self, size: int) -> bytes:
        """Up to `size` octets. Raises EOFError where the file ends within a frame, ZstdError for a damaged one."""
        while self._at >= len(self._ready):
            packed = self._frame.unused_data or self._file.read(PIECE)
            if not packed:
                if not self._frame.eof:
                    raise EOFError
                return b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready, self._at = self._frame.decompress(packed), 0
        part = self._ready[self._at : self._at + size]
        self._at += len(part)
        return part


def chunks(
    path: Path | int | Octets, size: int = CHUNK, start: int = 0, least: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """The content from `start` on, up to `stop`, in pieces that end at multiples of `size`, the last one shorter.

    Pieces of a file are the same wherever reading begins. Raises ChangedError where there are not even `least`
    octets, and CutShortError where a compressed file breaks off, after giving what could be unpacked.
    """
    with open_stream(path) as stream:
        plain = isinstance(stream, BufferedReader)
        at = _seek(stream, start, least) if plain else 0
        # What is not packed breaks off nowhere: it is read as it is wanted.
        read = _read_plain if plain else _read
        while stop is None or at < stop:
            wanted = size - at % size if stop is None else min(size - at % size, stop - at)
            piece, broken = read(stream, wanted)
            begin, at = at, at + len(piece)
            ended = bool(broken) or len(piece) < wanted
            if ended and at < least:
                raise _shorter(at, least)
            if piece and at > start:
                # What comes before `start` is unpacked in the same steps as ever, and dropped.
                yield piece[start - begin :] if begin < start else piece
            if broken:
                raise CutShortError(broken)
            if ended:
                return


def _seek(stream: BinaryIO, start: int, least: int) -> int:
    if least and (size := os.fstat(stream.fileno()).st_size) < least:
        raise _shorter(size, least)
    return stream.seek(start)


def _shorter(size: int, before: int) -> ChangedError:
    return ChangedError(
        f"the file is shorter than what was read of it before: {size} octets, was {before} or more; "
        "what is new in it was not read"
    )


def _read_plain(stream: BinaryIO, size: int) -> tuple[bytes, str]:
    return stream.read(size), ""


def _read(stream: BinaryIO, size: int) -> tuple[bytes, str]:
    """Up to `size` octets, in small reads so that little is lost where the file breaks off."""
    parts: list[bytes] = []
    have = 0
    # `read` of a gzip file gathers what was asked for, and loses it where the file breaks off meanwhile.
    take = getattr(stream, "read1", stream.read)
    while have < size:
        try:
            part = take(min(1 << 16, size - have))
        except EOFError:
            return b"".join(parts), "the compressed file is cut: it ends before its stream does"
        except (gzip.BadGzipFile, zlib.error) as error:
            return b"".join(parts), f"the gzip file is damaged ({error})"
        except zstandard.ZstdError as error:
            return b"".join(parts), f"the zstd file is damaged ({error})"
        if not part:
            break
        parts.append(part)
        have += len(part)
    return b"".join(parts), ""
