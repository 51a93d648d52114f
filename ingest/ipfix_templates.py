"""Templates: which fields a data record has, and where. Linear time and bounded memory for any bytes.

A `Layout` holds only what we use of a template: the known fields as a NumPy dtype. Templates with equal
fields share it, whatever their ids and observation domains. The same machinery does for NetFlow version 9,
whose fields have no enterprise numbers and no variable lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ingest.ipfix_elements import VARIABLE, dtype_of, known

_FIELD = Struct("!HH")
_ENTERPRISE = Struct("!I")
ENTERPRISE_BIT = 0x8000
MAX_TEMPLATES = 4_096  # of one observation domain
MAX_SPECIFIERS = 1 << 22  # octets of field specifiers of all live templates of one exporter

Buffer = bytes | bytearray


class BadTemplateError(ValueError):
    """A template that no record can follow; the text says why."""


def fields_end(data: Buffer, start: int, end: int, count: int) -> int:
    """Where `count` field specifiers that begin at `start` end. Raises BadTemplateError if beyond `end`."""
    at = start
    for _ in range(count):
        if at + 4 > end:
            raise BadTemplateError(f"says {count} fields, but its set ends before that")
        at += 8 if data[at] & 0x80 else 4
    if at > end:
        raise BadTemplateError(f"says {count} fields, but its set ends before that")
    return at


def _fields(specifiers: Buffer) -> Iterator[tuple[int, int, int]]:
    """(enterprise number, element, length) of each field."""
    at = 0
    while at < len(specifiers):
        element, length = _FIELD.unpack_from(specifiers, at)
        at += 4
        enterprise = 0
        if element & ENTERPRISE_BIT:
            (enterprise,) = _ENTERPRISE.unpack_from(specifiers, at)
            at += 4
        yield enterprise, element & ~ENTERPRISE_BIT, length


@dataclass(slots=True)
class _Run:
    """Fields of fixed length in a row, up to a field of variable length or the record's end."""

    size: int = 0
    first: int = -1  # where the known fields among them begin (-1: there are none) ...
    last: int = 0  # ... and end

    def add(self, length: int, is_known: bool) -> None:
        if is_known:
            self.first = self.size if self.first < 0 else self.first
            self.last = self.size + length
        self.size += length

    @property
    def kept(self) -> int:
        return self.last - self.first if self.first >= 0 else 0


class Layout:
    """The known fields of a template's records.

    `length` is the records' length in octets, 0 if it varies; `shortest` the least it can be. `dtype` has a
    field for each known element, by IANA's name (the first one, if an element comes twice), over the record
    as it is, or, if the length varies, over what `compact` makes of it.
    """

    __slots__ = ("__weakref__", "_runs", "dtype", "is_flow", "length", "names", "shortest")

    def __init__(self, specifiers: Buffer) -> None:
        """Raises BadTemplateError if its records would have no octets."""
        runs, found, variable = [_Run()], {}, 0
        for enterprise, element, length in _fields(specifiers):
            if length == VARIABLE:
                runs.append(_Run())
                variable += 1
                continue
            name = known(enterprise, element, length)
            if name is not None and name not in found:
                found[name] = (len(runs) - 1, runs[-1].size, length)
            else:
                name = None
            runs[-1].add(length, name is not None)
        self.shortest = sum(run.size for run in runs) + variable
        if self.shortest == 0:
            raise BadTemplateError("its records would have no octets")
        self.length = 0 if variable else self.shortest
        self._runs = [(run.size, max(run.first, 0), run.last, run.kept) for run in runs]
        self.dtype = self._dtype(found)
        self.names = frozenset(found)
        four = {"sourceIPv4Address", "destinationIPv4Address"}
        six = {"sourceIPv6Address", "destinationIPv6Address"}
        self.is_flow = four <= self.names or six <= self.names

    def _dtype(self, found: dict[str, tuple[int, int, int]]) -> np.dtype[np.void]:
        if self.length:
            starts, size = [0], self.length
        else:
            ends = np.cumsum([kept for *_, kept in self._runs]).tolist()
            # A run is kept from its first known field on.
            starts = [end - kept - first for end, (_, first, _, kept) in zip(ends, self._runs, strict=True)]
            size = ends[-1]
        return np.dtype(
            {
                "names": list(found),
                "formats": [dtype_of(length) for _, _, length in found.values()],
                "offsets": [starts[run] + at for run, at, _ in found.values()],
                "itemsize": size,
            }
        )

    def compact(self, data: Buffer, start: int, end: int) -> tuple[bytes, int, int]:
        """The known runs of each record of variable length between `start` and `end`, as `dtype`.

        Returns them joined, the number of whole records, and where the first octet that is in none of them
        stands: less than `shortest` octets before `end`, unless a record runs past the end.
        """
        parts: list[Buffer] = []
        count = 0
        while end - start >= self.shortest:
            whole = len(parts)
            after = self._one(data, start, end, parts)
            if after < 0:
                del parts[whole:]
                break
            start = after
            count += 1
        return b"".join(parts), count, start

    def _one(self, data: Buffer, at: int, end: int, parts: list[Buffer]) -> int:
        """Append the known runs of the record at `at`; where it ends, or -1 if that is past `end`."""
        last = len(self._runs) - 1
        for number, (size, first, stop, kept) in enumerate(self._runs):
            if kept:
                parts.append(data[at + first : at + stop])
            at += size
            if number == last:
                break
            if at >= end:
                return -1
            length = data[at]
            at += 1
            if length == 255:
                if at + 2 > end:
                    return -1
                length = data[at] << 8 | data[at + 1]
                at += 2
            at += length
        return at if at <= end else -1


@dataclass(frozen=True, slots=True)
class Template:
    """A live template of an observation domain."""

    number: int
    scopes: int  # scope fields of an options template; 0 = its records are data
    specifiers: bytes  # as they came: from this the template can be made again
    layout: Layout


@dataclass(slots=True)
class Layouts:
    """The layouts that an exporter's templates share, and what the templates come to in octets."""

    held: int = 0
    _known: WeakValueDictionary[bytes, Layout] = field(default_factory=WeakValueDictionary)

    def of(self, specifiers: bytes) -> Layout:
        """The layout of these fields. Raises BadTemplateError."""
        layout = self._known.get(specifiers)
        if layout is None:
            layout = self._known[specifiers] = Layout(specifiers)
        return layout


class Templates:
    """The live templates of one observation domain.

    Options templates stand apart, so that withdrawing all of a kind costs no more than learning them did.
    """

    __slots__ = ("_data", "_layouts", "_options", "_told")

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._data: dict[int, Template] = {}
        self._options: dict[int, Template] = {}
        self._told: list[list[Any]] | None = None

    def get(self, number: int) -> Template | None:
        """The template of a set's id."""
        return self._data.get(number) or self._options.get(number)

    def learn(self, number: int, scopes: int, specifiers: bytes) -> None:
        """Take a new or a changed template in. Raises BadTemplateError."""
        if number < 256:
            raise BadTemplateError("has an id below 256, which is reserved")
        old = self.get(number)
        if old is not None and (old.scopes, old.specifiers) == (scopes, specifiers):
            return  # exporters send their templates again and again
        if old is None and len(self._data) + len(self._options) >= MAX_TEMPLATES:
            raise BadTemplateError(
                f"is one more than the {MAX_TEMPLATES} that an observation domain may have"
            )
        before = len(old.specifiers) if old else 0
        if self._layouts.held - before + len(specifiers) > MAX_SPECIFIERS:
            raise BadTemplateError(f"is beyond the {MAX_SPECIFIERS} octets that an exporter's may have")
        made = Template(number, scopes, specifiers, self._layouts.of(specifiers))
        self._drop(number)
        (self._options if scopes else self._data)[number] = made
        self._told = None
        self._layouts.held += len(specifiers)

    def withdraw(self, number: int) -> None:
        """RFC 7011, section 8.1: a field count of 0 withdraws a template, with the id 2 or 3 all."""
        every = {2: self._data, 3: self._options}.get(number)
        for gone in (number,) if every is None else tuple(every):
            self._drop(gone)

    def clear(self) -> None:
        """Know none of them any more."""
        for number in (*self._data, *self._options):
            self._drop(number)

    def state(self) -> list[list[Any]]:
        """What `learn` is to be given to know them all again; not to be changed, for it is told many times."""
        if self._told is None:
            every = (*self._data.values(), *self._options.values())
            self._told = [[one.number, one.scopes, one.specifiers] for one in every]
        return self._told

    def _drop(self, number: int) -> None:
        gone = self._data.pop(number, None) or self._options.pop(number, None)
        self._told = None
        self._layouts.held -= len(gone.specifiers) if gone else 0


def options_values(layout: Layout, records: Buffer, count: int) -> Iterator[dict[str, int]]:
    """The known integers of each of `count` options records laid end to end.

    >>> layout = Layout(bytes.fromhex("00950004" "00220004"))
    >>> list(options_values(layout, bytes.fromhex("00000001" "00000064"), 1))
    [{'samplingInterval': 100}]
    """
    fields = layout.dtype.fields
    if not fields:
        return
    places = [(name, kind.itemsize, at) for name, (kind, at, *_) in fields.items()]
    for start in range(0, count * layout.dtype.itemsize, layout.dtype.itemsize):
        yield {
            name: int.from_bytes(records[start + at : start + at + size], "big") for name, size, at in places
        }


def one_in(values: dict[str, int]) -> int:
    """One in N, from whichever elements say it (RFC 5477 and NetFlow's)."""
    every = values.get("samplingPacketInterval", 0)
    if every:
        return min((every + values.get("samplingPacketSpace", 0)) // every, 0xFFFFFFFF)
    size = values.get("samplingSize", 0)
    if size and values.get("samplingPopulation"):
        return min(values["samplingPopulation"] // size, 0xFFFFFFFF)
    return min(values.get("samplingInterval", 0) or values.get("samplerRandomInterval", 0), 0xFFFFFFFF)
