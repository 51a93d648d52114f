"""The exporters that a collector hears: datagrams in the order in which they came, to flows.

What comes of a datagram hangs on those before it alone, with their receive times: never on how many are read
together, so that they can be read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from ingest import netflow
from ingest.blocks import Block
from ingest.event_columns import EventColumns
from ingest.flows import FlowColumns
from ingest.ipfix_columns import LayoutPart
from ingest.ipfix_datagrams import DatagramSets, StreamSets
from ingest.ipfix_runs import HEADER, VERSION
from ingest.ipfix_sets import Common
from ingest.ipfix_taken import EXCERPT, Taken
from ingest.journal_files import Datagram
from ingest.positions import ExporterState
from ingest.records import SECOND_US, Rejected
from ingest.stream_receive import CLOSED, EVERY

MAX_EXPORTERS = 1_024  # the one that was silent for longest is forgotten for a new one

Source = tuple[bytes, int]
_KNOWN = {5: "no message of NetFlow version 5", 9: "no message of NetFlow version 9"}


@dataclass(slots=True)
class _Exporter:
    sets: DatagramSets
    octets: int = 0


@dataclass(slots=True)
class _Refused:
    """Datagrams of one exporter that are no IPFIX for one reason."""

    count: int
    offset: int
    begin: bytes


class Exporters:
    """An exporter is an address and a port (a transport session, RFC 7011): another port, another exporter."""

    def __init__(self, name: str, second: int = 0, is_stream: bool = False) -> None:
        """`is_stream`: they have connections, whose ends come among the messages (`stream_receive.CLOSED`)."""
        self._sets: type[DatagramSets] = StreamSets if is_stream else DatagramSets
        self._is_stream = is_stream
        self.second = second  # receive time of the last datagram
        self._name = name
        self._common = Common(Taken(name))
        self._known: dict[Source, _Exporter] = {}
        self._pending: dict[Source, list[Datagram]] = {}
        self._refused: dict[tuple[str, str], _Refused] = {}

    def state(self) -> list[Any]:
        """`ExporterState`s in plain values."""
        return [[*source, one.octets, one.sets.state()] for source, one in self._known.items()]

    def restore(self, kept: list[ExporterState]) -> None:
        """Know what was known. Raises BadTemplateError, and ValueError for what is no state."""
        for one in kept:
            exporter = self._hear((one.address, one.port))
            exporter.octets = one.octets
            exporter.sets.restore(one.domains)

    def lost(self) -> dict[str, int]:
        """Records that sequence numbers say were lost, by 'address:port/domain', since this process began."""
        return {
            f"{one.sets.source}/{netflow.domain_name(domain)}": lost
            for one in self._known.values()
            for domain, lost in one.sets.lost().items()
        }

    @property
    def repeated(self) -> int:
        """Messages that came again, and were not taken twice, since this process began."""
        return sum(one.sets.now.repeated for one in self._known.values())

    def take(self, datagrams: list[Datagram]) -> Block:
        """The flows of datagrams; their offsets are octets that their exporter sent before."""
        for datagram in datagrams:
            second = datagram.received_us // SECOND_US
            if second != self.second:
                self._flush()
                self.second = second
                self._expire()
            if self._is_stream and datagram.data == CLOSED:
                self._closed(datagram.source)
                continue
            self._hear(datagram.source)
            self._pending.setdefault(datagram.source, []).append(datagram)
        self._flush()
        return self._block()

    def end(self) -> Block:
        """Nothing more comes: what waits for a template waits in vain."""
        for one in self._known.values():
            one.sets.end_all()
        return self._block()

    def _flush(self) -> None:
        """Decode what came within the second, exporter by exporter: they have nothing to do with one another."""
        for source, datagrams in self._pending.items():
            one = self._known[source]
            begun: list[Datagram] = []
            for datagram in datagrams:
                if netflow.begins(datagram.data, 0):
                    self._decode(one, begun)
                    begun = []
                    one.sets.netflow_datagram(datagram.data, datagram.checksum, self.second, one.octets)
                    one.octets += len(datagram.data)
                    continue
                wrong = _wrong(datagram.data)
                if wrong:
                    self._decode(one, begun)
                    begun = []
                    self._refuse(one, datagram.data, wrong)
                else:
                    begun.append(datagram)
            self._decode(one, begun)
        self._pending = {}

    def _decode(self, one: _Exporter, datagrams: list[Datagram]) -> None:
        if datagrams:
            data = [datagram.data for datagram in datagrams]
            checksums = [datagram.checksum for datagram in datagrams]
            one.octets += one.sets.datagrams(data, checksums, self.second, one.octets)

    def _refuse(self, one: _Exporter, data: bytes, reason: str) -> None:
        found = self._refused.setdefault((one.sets.source, reason), _Refused(0, one.octets, data[:EXCERPT]))
        found.count += 1
        one.octets += len(data)

    def _hear(self, source: Source) -> _Exporter:
        """The exporter; it is the last one heard now."""
        found = self._known.pop(source, None)
        if found is None:
            if len(self._known) >= MAX_EXPORTERS:
                self._forget(next(iter(self._known)))
            found = _Exporter(self._sets(shown(source), self._common))
        self._known[source] = found
        return found

    def _closed(self, source: Source) -> None:
        """A connection has ended: its templates are no longer known."""
        for one in list(self._known) if source == EVERY else [source]:
            if one in self._known:
                self._forget(one)

    def _forget(self, source: Source) -> None:
        self._flush()
        gone = self._known.pop(source)
        gone.sets.close()

    def _expire(self) -> None:
        if self._common.waiting_size:
            for one in self._known.values():
                one.sets.expire(self.second)

    def _block(self) -> Block:
        taken = self._common.hand_over()
        flows = FlowColumns(LayoutPart(layout, gathered) for layout, gathered in taken.gathered.items())
        rejected = taken.rejected
        for (source, reason), found in self._refused.items():
            text = f"{found.count} datagrams are {reason}"
            excerpt = found.begin.hex()
            rejected.append(
                Rejected(reason=text, source=source, offset=found.offset, excerpt=excerpt, kind="message")
            )
        self._refused = {}
        return Block(EventColumns(), flows, None, rejected, taken.filtered, taken.read, taken.lost)


def _wrong(data: bytes) -> str:
    """Why a datagram is no message of IPFIX; '' if it is one."""
    version, length = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
    if len(data) >= HEADER and version == VERSION:
        return (
            "" if length == len(data) else f"cut, or longer than they say ({len(data)} octets, not {length})"
        )
    what = _KNOWN.get(version) if len(data) >= HEADER else None
    return f"{what or 'no IPFIX'}; IPFIX, NetFlow 5 and 9 are taken in here"


def shown(source: Source) -> str:
    """An exporter's address and port as text.

    >>> shown((bytes(10) + bytes.fromhex("ffff0a000001"), 4739))
    '10.0.0.1:4739'
    """
    address = IPv6Address(source[0])
    four = address.ipv4_mapped
    return f"{four}:{source[1]}" if four else f"[{address}]:{source[1]}"
