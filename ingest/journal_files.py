"""The files of a journal (`ingest.journal`): segments, and the records in them.

A segment is eight octets that say what it is, and records: CRC-32 of the head, CRC-32 of the datagram, its length,
port, receive time, address, and the datagram; numbers have their least octet first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

PATIENCE_S = 10  # for which another process is waited for: it may be about to end
MAGIC = b"RSHKJRN\x01"
CHECK = Struct("<I")  # CRC-32 of the rest of the head
HEAD = Struct("<IHHq16s")  # CRC-32 of the datagram, its length, port, receive time and address
RECORD = CHECK.size + HEAD.size  # octets that a record has beside its datagram
START = len(MAGIC)  # where a segment's first record stands


class At(NamedTuple):
    """A place in a journal: the segment, and the octet in it at which the next record begins."""

    segment: int = 0
    offset: int = 0


class Datagram(NamedTuple):
    """What came from a socket. `source` is 16 octets of IPv6 (mapped, if it is IPv4) and the port."""

    source: tuple[bytes, int]
    received_us: int
    checksum: int  # CRC-32 of the data
    data: bytes


def records_in(data: bytes, at: int) -> Iterator[tuple[Datagram, int]]:
    """The whole and sound records from there on, and where each ends."""
    size = len(data)
    while size - at >= RECORD:
        (check,) = CHECK.unpack_from(data, at)
        checksum, length, port, received_us, address = HEAD.unpack_from(data, at + CHECK.size)
        begin, end = at + RECORD, at + RECORD + length
        if end > size or crc32(data[at + CHECK.size : begin]) != check:
            return
        body = data[begin:end]
        if crc32(body) != checksum:
            return
        at = end
        yield Datagram((address, port), received_us, checksum, body), at


def write(file: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(file, left, at)
        left, at = left[written:], at + written


def path_of(folder: Path, number: int) -> Path:
    return folder / f"{number:012}.seg"


def sizes(folder: Path) -> dict[int, int]:
    found = (path for path in folder.glob("*.seg") if path.stem.isdecimal())
    return {int(path.stem): path.stat().st_size for path in sorted(found)}


def sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def locked(folder: Path) -> int:
    """The folder's lock, which its holder's death gives back. Raises BlockingIOError."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(file)
                raise BlockingIOError(errno.EWOULDBLOCK, "another process has it open") from None
            time.sleep(0.05)
