"""Positions in a file: what must be known to go on reading behind a block, in plain MessagePack values.

The first value is the version, the second the kind of file; the others are the fields below, in their order.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from ingest.errors import PositionError
from ingest.ipfix import DecoderState
from ingest.ipfix_domains import DomainState

VERSION = 1


class FlowPosition(msgspec.Struct, array_like=True, frozen=True):
    """Behind a chunk of a file of flows."""

    version: Literal[1] = 1
    kind: Literal["flows"] = "flows"
    offset: int = 0  # where in the (unpacked) file the next chunk begins
    ended: bool = False  # the file was read to its end: only what is new in it is left
    decoder: DecoderState = DecoderState()


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Between two pieces of a file of JSON.

    | form | what comes next |
    |---|---|
    | `new` | nothing is known of what stands at the offset: lines or a document |
    | `lines` | a line begins at the offset |
    | `long` | at the offset a line goes on that was rejected for its length |
    | `lists` | elements of lists, up to the ends of these; what follows them begins at the offset |
    | `values` | at the offset, values of a document that is no single one, for the reason given |
    | `broken` | behind an element that ends at the offset, others of a list that breaks for the reason given |
    | `over` | nothing: the rest is not read |
    """

    form: Literal["new", "lines", "long", "lists", "values", "broken", "over"] = "new"
    offset: int = 0
    lists: list[list[int]] = []  # where the next element of a list begins, and where the list ends
    reason: str = ""


START = Place()


class EventPosition(msgspec.Struct, array_like=True, frozen=True):
    """Behind a block of a group of records that were put in order together.

    Only what is sorted makes blocks, so of a group that is begun the records are read again.
    """

    version: Literal[1] = 1
    kind: Literal["events"] = "events"
    place: Place = START  # where the group begins
    number: int = 0  # of its first record
    given: int = 0  # blocks of it that were handed on
    read_to: int = 0  # octets of the (unpacked) file that were read when it was whole
    ended: bool = False  # the file ended there
    broken: bool = False  # ... or broke off, and what is no whole line before that was not given


class ExporterState(msgspec.Struct, array_like=True, frozen=True):
    """What an exporter by UDP has said."""

    address: bytes  # 16 octets
    port: int
    octets: int  # that it has sent
    domains: list[DomainState]


class CollectorPosition(msgspec.Struct, array_like=True, frozen=True):
    """Behind a datagram in a journal; of the exporters, the one comes last that was heard last."""

    version: Literal[1] = 1
    kind: Literal["datagrams"] = "datagrams"
    segment: int = 0
    offset: int = 0
    second: int = 0  # receive time of the last datagram
    exporters: list[ExporterState] = []


class CapturePosition(msgspec.Struct, array_like=True, frozen=True):
    """Behind so many packets of a capture, of which so many were exporters' datagrams."""

    version: Literal[1] = 1
    kind: Literal["capture"] = "capture"
    packets: int = 0
    exports: int = 0
    ended: bool = False
    second: int = 0  # of the last datagram
    exporters: list[ExporterState] = []


class KeptDecoder(msgspec.Struct, array_like=True, frozen=True):
    """What the messages of a stream that have a key have said of IPFIX."""

    key: bytes
    state: DecoderState


class StreamPosition(msgspec.Struct, array_like=True, frozen=True):
    """Before a message of a partition of a stream."""

    version: Literal[1] = 1
    kind: Literal["stream"] = "stream"
    offset: int = -1  # of that message; -1: none is known
    decoders: list[KeptDecoder] = []  # the one comes last that was heard last


Content = Literal["", "flows", "events", "azure_flows", "aws_flows", "zeek_flows", "zeek_json"]
GrowingForm = Literal["new", "lines", "long", "list", "payload", "over"]


class GrowingPosition(msgspec.Struct, array_like=True, frozen=True):
    """Behind what is whole so far in a file that grows.

    | form | what comes next |
    |---|---|
    | `new` | nothing is known: lines, or a value |
    | `lines` | a line begins |
    | `long` | a line goes on that was rejected for its length |
    | `list`, `payload` | behind an element of an array, or of a payload's list |
    | `over` | nothing: the rest is not read |
    """

    version: Literal[1] = 1
    kind: Literal["growing"] = "growing"
    content: Content = ""  # '': not known yet
    device: int = 0
    inode: int = 0
    offset: int = 0  # in the (unpacked) file
    begins: tuple[int, int] = (0, 0)  # how many octets of its begin are known, and their CRC-32
    ends: tuple[int, int] = (0, 0)  # the same of those before the offset
    form: GrowingForm = "new"
    number: int = 0  # of the next record
    decoder: DecoderState = DecoderState()
    rests: tuple[int, int] = (
        0,
        0,
    )  # size and time of change (ns) at which it was left to itself; 0: it is read
    before: list[GrowingPosition] = []  # in files that had the name before and were renamed, the newest last
    header: list[str] = []  # of a flow log in lines: the separator, and the names of the fields
    ended: int = 0  # of a file that is read to its end: its size when that was


Form = TypeVar("Form", bound=msgspec.Struct)


def known(position: Any, form: type[Form], source: str) -> Form:
    """The position as one of its form; without one, the start. Raises PositionError for any other."""
    if position is None:
        return form()
    version = position[0] if isinstance(position, list | tuple) and position else None
    if version != VERSION:
        raise PositionError(
            f"{source}: the saved position is of version {version!r}, and this program reads version {VERSION}: "
            "go on with the program that saved it, or start without the saved state"
        )
    try:
        return msgspec.convert(position, form)
    except msgspec.ValidationError as error:
        raise unusable(source, error) from None


def unusable(source: str, error: Exception) -> PositionError:
    """A position that is damaged, or of another source."""
    return PositionError(f"{source}: the saved position is none of such a file ({error})")
