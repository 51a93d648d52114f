"""IPFIX over UDP or TCP (RFC 7011, sections 10.3 and 10.4) as a live partition.

One thread reads the socket, one writes what came to a journal; `blocks` decodes from the journal what is synced
there. If they can't keep up, the kernel drops at the socket, and says how many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.blocks import Block
from ingest.exporters import Exporters
from ingest.ipfix_templates import BadTemplateError
from ingest.journal import BOUND, Journal, release
from ingest.journal_files import At
from ingest.positions import VERSION, CollectorPosition, known, unusable
from ingest.receive import bound, dropped
from ingest.reception import BATCH, Counts, Reception
from ingest.records import Rejected
from ingest.stream_receive import CLOSED, Streams, Tls, listening

BUFFER = 32 << 20  # octets of the socket's buffer, where that is allowed
IDLE_S = 0.01  # for which the next datagram is waited for


class CollectorStats(msgspec.Struct, frozen=True):
    """Counts since this process began to collect.

    `lost` is what sequence numbers say, in records. Datagrams that were dropped, at the socket or because the
    journal was full, say where it was lost: their records are among `lost`, never beside them.
    """

    received: int = 0  # datagrams
    received_octets: int = 0
    applied: int = 0  # datagrams that were decoded; more than received, if some waited in the journal
    flows: int = 0
    repeated: int = 0  # datagrams that came again
    lost: dict[str, int] = {}  # by 'address:port/observation domain'
    dropped_at_socket: int | None = None  # datagrams; None: the platform does not say
    dropped_at_journal: int = 0  # datagrams
    journal_octets: int = 0
    is_open: bool = False  # it listens
    by_tcp: bool = False  # what is called datagrams above are messages then


class Collector:
    """Listens on a port; `journal` is a folder of its own, `now_us` gives the time of a datagram's arrival.

    It may be pickled before `blocks` is iterated: then the port and the journal are opened, and
    ConfigurationError is raised if they can't be.
    """

    live = True
    first_us: int | None = None

    def __init__(
        self,
        host: str,
        port: int,
        journal: Path,
        now_us: Callable[[], int],
        *,
        buffer: int = BUFFER,
        journal_bound: int = BOUND,
        is_stream: bool = False,
        tls: Tls | None = None,
    ) -> None:
        """`is_stream`: a TCP port; `tls`: with TLS."""
        self.name = f"{'tcp' if is_stream else 'udp'}://{f'[{host}]' if ':' in host else host}:{port}"
        self._given = (host, port, journal, now_us, buffer, journal_bound, is_stream, tls)
        self._is_stream = is_stream
        self._folder = journal
        self._open: Reception | None = None
        self._exporters: Exporters | None = None
        self._counts = Counts()
        self._stopped = False

    def __reduce__(self) -> Any:
        return _made, self._given

    @property
    def port(self) -> int:
        """Where it listens, once it does: another one than was asked for, if that was 0."""
        return self._open.socket.getsockname()[1] if self._open else self._given[1]

    @property
    def is_nearly_full(self) -> bool:
        """A checkpoint should come soon: the journal is filling."""
        return self._open is not None and self._open.journal.is_nearly_full

    def prefetch(self, position: Any = None) -> None:
        """Begin to listen."""
        if not self._stopped:
            self._opened(known(position, CollectorPosition, self.name).segment)

    def blocks(self, position: Any = None) -> Iterator[Block]:
        """What is in the journal behind a position, and what comes. Ends after `stop`."""
        at = known(position, CollectorPosition, self.name)
        exporters = Exporters(self.name, at.second, self._is_stream)
        try:
            exporters.restore(at.exporters)
        except (BadTemplateError, ValueError) as error:
            raise unusable(self.name, error) from None
        return self._blocks(At(at.segment, at.offset), exporters)

    def _blocks(self, at: At, exporters: Exporters) -> Iterator[Block]:
        self._exporters = exporters
        if not self._stopped:
            self._opened(at.segment)
        position = _position(at, exporters)
        while (opened := self._open) is not None:
            opened.more.clear()
            found = opened.journal.read(at, BATCH)
            if not found.datagrams and opened.more.wait(IDLE_S):
                found = opened.journal.read(at, BATCH)
            problems = found.problems + opened.problems()
            if not found.datagrams and not problems:
                yield Block(idle=True, position=position)
                continue
            at = found.at
            block = exporters.take(found.datagrams)
            block.rejected += [Rejected(reason=one, source=self.name, kind="file") for one in problems]
            ends = sum(one.data == CLOSED for one in found.datagrams) if self._is_stream else 0
            self._counts.applied += len(found.datagrams) - ends
            self._counts.flows += len(block.flows or ())
            block.position = position = _position(at, exporters)
            yield block

    def release(self, position: Any) -> None:
        """A checkpoint with this position holds: the journal may delete what is before it."""
        at = known(position, CollectorPosition, self.name)
        place = At(at.segment, at.offset)
        if self._open is not None:
            self._open.journal.release(place)
        else:
            release(self._folder, place)

    def stop(self) -> None:
        """Close the port, after what the socket holds is in the journal; what is not read there waits there."""
        self._stopped = True
        if self._open is not None:
            self._counts.dropped = dropped(self._open.socket)
            opened, self._open = self._open, None
            opened.close()

    def stats(self) -> CollectorStats:
        """Counts for metrics."""
        counts, exporters, opened = self._counts, self._exporters, self._open
        return CollectorStats(
            received=counts.received,
            received_octets=counts.octets,
            applied=counts.applied,
            flows=counts.flows,
            repeated=exporters.repeated if exporters else 0,
            lost=exporters.lost() if exporters else {},
            dropped_at_socket=dropped(opened.socket) if opened else counts.dropped,
            dropped_at_journal=opened.journal.lost if opened else 0,
            journal_octets=opened.journal.octets if opened else 0,
            is_open=opened is not None,
            by_tcp=self._is_stream,
        )

    def _opened(self, after: int) -> None:
        if self._open is None:
            host, port, folder, now_us, buffer, journal_bound, is_stream, tls = self._given
            context = tls.context() if tls else None
            journal = Journal(folder, journal_bound, after=after)
            try:
                made = listening(host, port) if is_stream else bound(host, port, buffer)
                streams = Streams(made, context) if is_stream else None
                self._open = Reception(journal, made, now_us, self._counts, streams)
            except BaseException:
                journal.close()
                raise


def _made(
    host: str,
    port: int,
    journal: Path,
    now_us: Callable[[], int],
    buffer: int,
    bound: int,
    is_stream: bool,
    tls: Tls | None,
) -> Collector:
    return Collector(
        host, port, journal, now_us, buffer=buffer, journal_bound=bound, is_stream=is_stream, tls=tls
    )


def _position(at: At, exporters: Exporters) -> list[Any]:
    """A `CollectorPosition` in plain values."""
    return [VERSION, "datagrams", *at, exporters.second, exporters.state()]
