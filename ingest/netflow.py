"""NetFlow version 5 and version 9 (RFC 3954) in the terms of IPFIX: where messages end, headers, templates.

A version 9 message has no length: it ends where what follows its sets is no set. Times in both versions count
from the start of the system, which the header dates.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ingest.ipfix_elements import VARIABLE
from ingest.ipfix_templates import ENTERPRISE_BIT, BadTemplateError

MAX_MESSAGE = 65_535  # octets: a datagram is no longer
TEMPLATE_5 = 256  # under which a domain of version 5 keeps the one layout there is

_UNNAMED = 0x7FFF  # an element that nobody has: a scope, or a field of a maker's own
_HEAD_5, _HEAD_9 = Struct("!HHIIIIBBH"), Struct("!HHIIII")
_RECORD_5, _MAX_5 = 48, 30
_MAX_9 = 4_096  # records of a message
_PAIR = Struct("!HH")
_TRIPLE = Struct("!HHH")
_FIELDS_5 = (
    *((8, 4), (12, 4), (15, 4), (10, 2), (14, 2), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2)),
    *((_UNNAMED, 1), (6, 1), (4, 1), (5, 1), (16, 2), (17, 2), (9, 1), (13, 1), (_UNNAMED, 2)),
)
SPECIFIERS_5 = b"".join(_PAIR.pack(*one) for one in _FIELDS_5)


class Header(NamedTuple):
    """What a message says of itself."""

    version: int
    exported_s: int
    sequence: int
    domain: int  # with the version above: the same number of another version is another domain
    init_ms: int
    sampling: int  # 0: it does not say


def begins(data: bytes, at: int) -> bool:
    """Whether a message begins here, by its first four octets."""
    if len(data) - at < _PAIR.size:
        return False
    version, count = _PAIR.unpack_from(data, at)
    most: int = {5: _MAX_5, 9: _MAX_9}.get(version, 0)
    return bool(0 < count <= most)


def end_of(data: bytes, at: int, at_end: bool) -> int | None:
    """Where the message that begins here ends; None: what comes next must say. At the data's end it is cut there."""
    version, count = _PAIR.unpack_from(data, at)
    if version == 9:
        return _end_9(data, at, at_end)
    end = at + _HEAD_5.size + count * _RECORD_5
    return end if end <= len(data) else len(data) if at_end else None


def _end_9(data: bytes, begin: int, at_end: bool) -> int | None:
    at, size = begin + _HEAD_9.size, len(data)
    while size - at >= _PAIR.size:
        number, length = _PAIR.unpack_from(data, at)
        if not number and not length:
            length = 4  # some fill up what they send with zeros
        if length < _PAIR.size or 1 < number < 256 or at + length > begin + MAX_MESSAGE:
            return at
        at += length
    return size if at_end else None


def header(data: bytes, at: int, end: int) -> tuple[Header, int] | None:
    """The header of a message, and where its sets or records begin; None: the message is cut within it."""
    if int.from_bytes(data[at : at + 2], "big") == 9:
        if end - at < _HEAD_9.size:
            return None
        _, _, uptime_ms, exported_s, sequence, domain = _HEAD_9.unpack_from(data, at)
        init_ms = _init_ms(exported_s * 1000, uptime_ms)
        return Header(9, exported_s, sequence, 9 << 32 | domain, init_ms, 0), at + _HEAD_9.size
    if end - at < _HEAD_5.size:
        return None
    _, _, uptime_ms, exported_s, ns, sequence, kind, engine, sampling = _HEAD_5.unpack_from(data, at)
    init_ms = _init_ms(exported_s * 1000 + ns // 1_000_000, uptime_ms)
    domain = 5 << 32 | kind << 8 | engine
    # The upper two bits tell the way of sampling.
    return Header(5, exported_s, sequence, domain, init_ms, sampling & 0x3FFF), at + _HEAD_5.size


def _init_ms(exported_ms: int, uptime_ms: int) -> int:
    """When the system's clock of 32 bits began, one turn earlier.

    Columns add the turns that bring a time near its export: so they add one, or none to what began in the turn before.
    """
    return max(exported_ms - uptime_ms - (1 << 32), 0)


def sets(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, where its content begins, where it ends) of each set of version 9. Raises ValueError for what is none."""
    while end - at >= _PAIR.size:
        number, length = _PAIR.unpack_from(data, at)
        if not number and not length:
            at += _PAIR.size
            continue
        if length < _PAIR.size or at + length > end:
            raise ValueError(
                f"set {number} says a length of {length}, but its message has {end - at} octets left"
            )
        yield number, at + _PAIR.size, at + length
        at += length


def as_templates(data: bytes, at: int, end: int, options: bool) -> bytes:
    """A set of templates as IPFIX has it. Raises BadTemplateError."""
    made = bytearray()
    while end - at >= (_TRIPLE if options else _PAIR).size:
        if options:
            number, scope_size, size = _TRIPLE.unpack_from(data, at)
            at += _TRIPLE.size
            scopes, count = scope_size // 4, (scope_size + size) // 4
        else:
            number, count = _PAIR.unpack_from(data, at)
            at += _PAIR.size
            scopes = 0
        if not number and not count:
            break  # padding
        if at + 4 * count > end:
            raise BadTemplateError(f"{number} says {count} fields, but its set ends before that")
        if count:
            made += _TRIPLE.pack(number, count, scopes or 1) if options else _PAIR.pack(number, count)
            made += _fields(data, at, count, scopes)
        at += 4 * count
    return bytes(made)


def _fields(data: bytes, at: int, count: int, scopes: int) -> bytes:
    made = bytearray()
    for which in range(count):
        element, length = _PAIR.unpack_from(data, at + 4 * which)
        if which < scopes or element & ENTERPRISE_BIT:
            element = _UNNAMED
        made += _PAIR.pack(element, min(length, VARIABLE))
    return bytes(made)


def domain_name(number: int) -> str:
    """A domain as it is shown.

    >>> domain_name(7), domain_name(9 << 32 | 7)
    ('7', 'v9:7')
    """
    version, domain = number >> 32, number & 0xFFFFFFFF
    return f"v{version}:{domain}" if version else str(domain)
