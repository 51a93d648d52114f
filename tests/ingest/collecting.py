"""A collector of flows by UDP, what exporters send to it, and what came of that."""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ingest.blocks import Block
from ingest.collector import Collector
from tests.ingest.ipfix_messages import EXPORTED_S, PLAIN, a_set, message, record, template

NOW_US = (EXPORTED_S + 3) * 1_000_000


class Clock:
    """A time that goes when it is told to."""

    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us

    def __deepcopy__(self, _: Any) -> Clock:
        return self


class Exporter:
    """Sends from a port of its own."""

    def __init__(self, port: int, domain: int = 1) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.domain, self.sequence, self.exported_s = domain, 0, EXPORTED_S

    @property
    def name(self) -> str:
        host, port = self.socket.getsockname()
        return f"{host}:{port}/{self.domain}"

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def made(self, *sets: bytes, records: int = 0) -> bytes:
        """The next message."""
        one = message(*sets, domain=self.domain, sequence=self.sequence, exported_s=self.exported_s)
        self.sequence = (self.sequence + records) % (1 << 32)
        return one

    def tell(self, number: int = 256, fields: Any = PLAIN) -> None:
        """The template."""
        self.send(self.made(template(number, fields)))

    def flows(self, *ports: int, number: int = 256) -> bytes:
        """A message of flows from these ports, which tell them apart."""
        body = b"".join(record(ports=(port, 22)) for port in ports)
        return self.made(a_set(number, body), records=len(ports))


class Listening:
    """A collector, and what it gave so far."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.blocks: list[Block] = []
        self.position: Any = None
        self.exporters: list[Exporter] = []
        self.collector, self._open = self._begun()

    def _begun(self, port: int = 0) -> tuple[Collector, Iterator[Block]]:
        made = copy.deepcopy(Collector("127.0.0.1", port, self.folder, self.clock, journal_bound=1 << 20))
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.position))
        blocks = made.blocks(kept)
        self._take(next(blocks))
        return made, blocks

    def _take(self, block: Block) -> None:
        self.is_idle = block.idle
        if not block.idle:
            self.blocks.append(block)
        self.position = block.position

    def exporter(self, domain: int = 1) -> Exporter:
        made = Exporter(self.collector.port, domain)
        self.exporters.append(made)
        return made

    def until(self, is_enough: Callable[[], bool]) -> None:
        """Read on until it is so. What was sent over loopback comes; only when, the machine decides."""
        last = time.monotonic() + 20
        while not is_enough():
            assert time.monotonic() < last, self.collector.stats()
            self._take(next(self._open))

    def applied(self, count: int) -> None:
        """Read on until so many datagrams were decoded, in this process."""
        self.until(lambda: self.collector.stats().applied >= count)

    def restart(self, back: int = 0) -> None:
        """A new process goes on from the position that was held so many blocks ago."""
        port = self.collector.port
        self.collector.stop()
        if back:
            del self.blocks[-back:]
            self.position = self.blocks[-1].position if self.blocks else None
        self.collector, self._open = self._begun(port)

    def ports(self) -> list[int]:
        """Of all flows."""
        return [
            port for block in self.blocks if block.flows for port in block.flows.column("src_port").tolist()
        ]

    def lost(self) -> int:
        return sum(block.lost for block in self.blocks)

    def say(self) -> list[str]:
        return [one.reason for block in self.blocks for one in block.rejected]

    def close(self) -> None:
        self.collector.stop()
        for one in self.exporters:
            one.socket.close()
