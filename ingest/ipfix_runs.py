"""Where the messages of an IPFIX file begin, and which of them are alike: these are taken many at once.

Most of a file are messages with a single set of data records, of one template in a row. Their headers are
looked at as columns, so that Python has a step for each run of them and not for each message.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

VERSION = 10
HEADER = 16  # octets of a message's header
BODY = HEADER + 4  # ... and of the header of its first set
FIRST_DATA = 256  # set ids from here on are data
FEW = 16  # messages that are taken one by one in the time that looking at them as columns costs

_BEGIN = b"\x00\x0a"  # of a message: its version
_LENGTH = Struct("!HH")
_HEAD = np.dtype(
    [
        ("version", ">u2"),
        ("length", ">u2"),
        ("exported_s", ">u4"),
        ("sequence", ">u4"),
        ("domain", ">u4"),
        ("set", ">u2"),
        ("set_length", ">u2"),
    ]
)

Numbers = npt.NDArray[np.int64]
Octets = npt.NDArray[np.uint8]


class Run(NamedTuple):
    """Messages in a row, each with one set of data of the same template and domain, and nothing else."""

    domain: int
    template: int
    at: Numbers
    length: Numbers
    exported_s: Numbers
    sequence: Numbers


def chain(data: bytes, at: int) -> list[int]:
    """Where the whole messages that follow one another from `at` on begin, and, at last, where they end."""
    bounds, size, begin, length = [at], len(data), b"", 0
    while size - at >= HEADER:
        if data[at : at + _LENGTH.size] != begin:  # mostly a message begins as the one before
            begin = data[at : at + _LENGTH.size]
            version, length = _LENGTH.unpack(begin)
            if version != VERSION or length < HEADER:
                break
        at += length
        if at > size:
            break
        bounds.append(at)
    return bounds


def runs(data: bytes, bounds: list[int]) -> Iterator[tuple[int, int, Run | None]]:
    """All messages of a chain as (first, after the last, the run that they are or None)."""
    count = len(bounds) - 1
    if count < FEW:
        yield 0, count, None
        return
    edges = np.array(bounds, np.int64)
    at, length = edges[:-1], np.diff(edges)
    head = _heads(data, at)
    data_only = (length >= BODY) & (head["set"] >= FIRST_DATA) & (head["set_length"] == length - HEADER)
    alike = data_only[1:] & data_only[:-1]
    for name in ("domain", "set"):
        alike &= head[name][1:] == head[name][:-1]
    columns = (at, length, head["exported_s"].astype(np.int64), head["sequence"].astype(np.int64))
    begun = 0  # of messages that are in no run
    for first, last in _spans(alike):
        if last - first >= FEW:
            yield begun, first, None
            which = int(head["domain"][first]), int(head["set"][first])
            yield first, last, Run(*which, *(column[first:last] for column in columns))
            begun = last
    yield begun, count, None


def _heads(data: bytes, at: Numbers) -> npt.NDArray[np.void]:
    """The headers of messages and of their first sets; of a last message without one, some other octets."""
    anywhere: npt.NDArray[np.void] = np.ndarray((len(data) - BODY + 1,), f"V{BODY}", data, strides=(1,))
    return anywhere[np.minimum(at, len(anywhere) - 1)].view(_HEAD)


def _spans(alike: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where what is like its neighbour begins and ends."""
    edges = np.flatnonzero(np.diff(alike, prepend=False, append=False)).tolist()
    return ((first, last + 1) for first, last in zip(edges[::2], edges[1::2], strict=True))


def bodies(data: bytes, run: Run, size: Numbers) -> list[bytes] | list[Octets]:
    """The first `size` octets of each message's set; in one piece where all messages are as long."""
    starts = run.at + BODY
    if (run.length == run.length[0]).all():
        shape, strides = (len(starts), int(size[0])), (int(run.length[0]), 1)
        return [np.ndarray(shape, np.uint8, data, int(starts[0]), strides)]
    return [data[a:b] for a, b in zip(starts.tolist(), (starts + size).tolist(), strict=True)]


# Where one begins, in octets that are none


def next_message(data: bytes, at: int, at_end: bool) -> tuple[int, bool]:
    """Where a message begins from `at` on, and True; or how far there is none, as yet."""
    place = data.find(_BEGIN, at)
    while place >= 0:
        begins = _begins(data, place, at_end)
        if begins is not False:
            return place, bool(begins)
        place = data.find(_BEGIN, place + 1)
    return (len(data) if at_end else max(at, len(data) - 1)), False


def _begins(data: bytes, at: int, at_end: bool) -> bool | None:
    """Whether a message begins here: its length leads to another, or to the end. None: not seen yet."""
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    if len(data) - at >= 4 and length < HEADER:
        return False
    after = at + length
    if len(data) - at >= 4 and len(data) - after >= 2:
        return data[after : after + 2] == _BEGIN
    if not at_end:
        return None
    return length >= HEADER and after <= len(data) and _BEGIN.startswith(data[after:])
