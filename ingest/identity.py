"""What tells two events apart: 63-bit numbers from what they say, the same on every machine.

The parts of what a record says repeat: each is hashed by itself (BLAKE2b, 64 bits), and what a record says is their
hashes mixed one after the other, a whole column at a time.

A log's records are hashed a batch at a time: texts as sums of their words times fixed odd numbers (multilinear
hashing: Lemire and Kaser, 2014), mixed at the end (Steele, Lea and Flood's SplitMix64, 2014). It keeps chance
apart, not intent: whoever could choose both a record's time to the microsecond and its correlation id could have
it taken for another's second delivery. The service writes the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_WORDS = 1_024  # words of a text that count, and its length: texts are cut at 2,048 characters anyway
_GOLDEN = 0x9E3779B97F4A7C15


def _mixed(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


_FACTORS = [_mixed((place + 1) * _GOLDEN & _MASK) | 1 for place in range(_WORDS + 1)]
_ARRAY = np.array(_FACTORS, np.uint64)
_AT, _SAID, _NEXT = _mixed(1) | 1, _mixed(2) | 1, _mixed(3) | 1


def part_hash(part: str) -> int:
    """64 bits of a part of what a record says."""
    return int.from_bytes(blake2b(part.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")


def content_hash(*parts: str) -> int:
    """63 bits that are the same for the same parts in the same order, anywhere."""
    return reduce(further, map(part_hash, parts), 0) >> 1


def further(state: int, part: int) -> int:
    """The 64 bits of some parts with the hash of one more."""
    return _mixed((state * _NEXT + part) & _MASK)


def further_many(state: Numbers, part: Numbers) -> Numbers:
    """`further` of columns."""
    return _mixed_many(state * np.uint64(_NEXT) + part)


def text_hash(text: str) -> int:
    """64 bits of a text."""
    data = text.encode("utf-8", "surrogatepass")[: 8 * _WORDS]
    words = range(0, len(data), 8)
    total = sum(int.from_bytes(data[at : at + 8], "little") * _FACTORS[at >> 3] for at in words)
    return _mixed((total + len(data) * _FACTORS[_WORDS]) & _MASK)


def text_hashes(texts: Sequence[str]) -> Numbers:
    """`text_hash` of each."""
    try:
        packed = np.array(texts, np.bytes_)
    except UnicodeEncodeError:
        return np.array([text_hash(text) for text in texts], np.uint64)
    lengths = np.fromiter(map(len, texts), np.uint64, len(texts))
    width = -(-packed.itemsize // 8)
    if width > _WORDS:
        return np.array([text_hash(text) for text in texts], np.uint64)
    words = packed.astype(f"S{8 * width}").view("<u8").reshape(len(texts), width)
    return _mixed_many((words * _ARRAY[:width]).sum(axis=1, dtype=np.uint64) + lengths * _ARRAY[_WORDS])


def _mixed_many(value: Numbers) -> Numbers:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def uid_of(content: int, at_us: int, correlation: str) -> int:
    """An event's number: of what it says, when, and in which request."""
    return _mixed((content + at_us * _AT + text_hash(correlation) * _SAID) & _MASK) >> 1


def uids_of(content: Numbers, at_us: npt.NDArray[np.int64], correlations: Numbers) -> Numbers:
    """`uid_of` of columns, `correlations` hashed already."""
    said = correlations * np.uint64(_SAID) + at_us.astype(np.uint64) * np.uint64(_AT)
    mixed: Numbers = _mixed_many(content + said) >> np.uint64(1)
    return mixed


def operation_of(content: int, correlation: str) -> int:
    """What the records of one control-plane operation have in common; 0 without a correlation id."""
    return (_mixed((content + text_hash(correlation) * _SAID) & _MASK) >> 1 | 1) if correlation else 0


def operations_of(content: Numbers, correlations: Numbers, named: Any) -> Numbers:
    """`operation_of` of columns; `named`: which have a correlation id and are of the control plane."""
    mixed = _mixed_many(content + correlations * np.uint64(_SAID)) >> np.uint64(1) | np.uint64(1)
    return np.where(named, mixed, np.uint64(0))
