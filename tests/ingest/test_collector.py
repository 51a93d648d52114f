"""Flows over a real socket: each one once, and what is lost is counted where it was lost."""

from __future__ import annotations

import copy
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest import ipfix_datagrams, receive, reception
from ingest.blocks import Block
from ingest.collector import Collector
from ingest.errors import ConfigurationError, PositionError
from tests.ingest.ipfix_messages import EXPORTED_S, FOUR, PLAIN, TALK, a_set, message, record, template

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


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Listening]:
    made = Listening(tmp_path / "journal", Clock())
    yield made
    made.close()


def test_each_flow_comes_once(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(50):
        one.send(one.flows(2 * n, 2 * n + 1))
    heard.applied(51)
    stats = heard.collector.stats()
    assert (heard.ports(), heard.lost(), heard.say()) == (list(range(100)), 0, [])
    assert (stats.received, stats.flows, stats.lost, stats.dropped_at_journal) == (51, 100, {one.name: 0}, 0)
    assert stats.journal_octets > stats.received_octets > 51 * 100
    assert sum(block.read for block in heard.blocks) == 100


def test_where_nothing_comes_it_says_so_at_once_and_looks_again(heard: Listening) -> None:
    assert all(next(heard._open).idle for _ in range(3))
    assert heard.blocks == []


def test_loss_is_counted_by_exporter_and_domain(heard: Listening) -> None:
    one, two = heard.exporter(), heard.exporter(9)
    for exporter in (one, two):
        exporter.tell()
        exporter.send(exporter.flows(1))
    one.flows(2, 3, 4)  # is never sent
    for exporter in (one, two):
        exporter.send(exporter.flows(5))
    heard.applied(6)
    assert (heard.lost(), heard.collector.stats().lost) == (3, {one.name: 3, two.name: 0})


def test_another_order_is_no_loss_and_a_copy_no_flow(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    sent = [one.flows(3 * n, 3 * n + 1, 3 * n + 2) for n in range(40)]
    for at in (0, 2, 1, 3, 3, 7, 6, 5, 4, 7, *range(8, 20), 5, *range(39, 19, -1), 30):
        one.send(sent[at])
    heard.applied(1 + 44)
    assert sorted(heard.ports()) == list(range(120))
    assert (heard.lost(), heard.collector.stats().repeated) == (0, 4)


def test_copies_and_late_ones_are_known_after_a_restart_too(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    sent = [one.flows(n) for n in range(30)]
    for at in range(30):
        if at not in (11, 12):
            one.send(sent[at])
    heard.applied(29)
    assert heard.lost() == 2
    heard.restart()
    for at in (5, 12, 29, 12):
        one.send(sent[at])
    heard.applied(4)
    assert (sorted(heard.ports()), heard.lost()) == ([n for n in range(30) if n != 11], 1)


def test_data_wait_for_their_template(heard: Listening) -> None:
    one = heard.exporter()
    one.send(one.flows(1, 2))
    one.send(one.flows(3))
    heard.applied(2)
    assert heard.ports() == []
    heard.restart()
    one.tell()
    one.send(one.flows(4))
    heard.applied(2)
    assert (heard.ports(), heard.lost()) == ([1, 2, 3, 4], 0)


def test_what_waits_in_vain_is_rejected_and_not_called_lost(heard: Listening) -> None:
    one = heard.exporter()
    one.send(one.flows(1, 2))
    one.send(one.flows(3, number=300))
    heard.applied(2)
    heard.clock.us += (ipfix_datagrams.PATIENCE_S + 2) * 1_000_000
    one.tell()
    one.flows(4, 5)
    one.send(one.flows(6))
    heard.applied(4)
    assert (heard.ports(), len(heard.say())) == ([6], 2)
    assert all("before its template" in reason for reason in heard.say())


def test_a_template_that_nobody_tells_again_is_forgotten(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    step_us = (ipfix_datagrams.LIFETIME_S - 10) * 1_000_000
    for n in range(3):
        heard.applied(2 * n)
        heard.clock.us += step_us
        one.tell()
        one.send(one.flows(n))
    heard.applied(7)
    assert heard.ports() == [0, 1, 2]
    heard.clock.us += 2 * step_us
    one.send(one.flows(3))
    heard.applied(8)
    assert heard.ports() == [0, 1, 2]
    one.tell()
    heard.applied(9)
    assert (heard.ports(), heard.lost()) == ([0, 1, 2, 3], 0)


def test_a_template_changes_and_a_withdrawal_is_not_listened_to(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    one.send(one.flows(1))
    one.send(one.made(a_set(2, b"\x01\x00\x00\x00")))  # RFC 7011, 8.4: must be ignored by UDP
    one.send(one.flows(2))
    one.tell(fields=FOUR)
    one.send(one.made(a_set(256, TALK), records=1))
    heard.applied(6)
    assert (heard.ports(), heard.lost(), heard.say()) == ([1, 2, 40_000], 0, [])


def test_exporters_may_use_the_same_template_id(heard: Listening) -> None:
    one, two = heard.exporter(), heard.exporter()
    one.tell()
    two.tell(fields=FOUR)
    one.send(one.flows(1))
    two.send(two.made(a_set(256, TALK), records=1))
    heard.applied(4)
    assert (sorted(heard.ports()), heard.say()) == ([1, 40_000], [])


@pytest.mark.parametrize("later_s", [0, 30])
def test_an_exporter_that_begins_anew_has_lost_nothing(heard: Listening, later_s: int) -> None:
    one = heard.exporter()
    one.sequence = 5_000
    one.tell()
    one.send(one.flows(1, 2))
    one.sequence, one.exported_s = 0, one.exported_s + later_s
    one.tell()
    one.send(one.flows(3, 4))
    one.send(one.flows(5))
    heard.applied(5)
    assert (heard.ports(), heard.lost(), heard.collector.stats().repeated) == ([1, 2, 3, 4, 5], 0, 0)


def test_sequence_numbers_begin_again_after_the_greatest(heard: Listening) -> None:
    one = heard.exporter()
    one.sequence = (1 << 32) - 3
    one.tell()
    for n in range(4):
        sent = one.flows(2 * n, 2 * n + 1)
        if n != 2:
            one.send(sent)
    heard.applied(4)
    assert (heard.ports(), heard.lost()) == ([0, 1, 2, 3, 6, 7], 2)


@pytest.mark.parametrize("back", [0, 1, 3])
def test_a_new_process_goes_on_from_a_position(heard: Listening, back: int) -> None:
    one = heard.exporter()
    one.tell()
    count = 1
    for n in range(6):
        one.send(one.flows(n))
        count += 1
        heard.applied(count)
    heard.restart(back)
    for n in range(6, 12):
        one.send(one.flows(n))
    heard.until(lambda: len(heard.ports()) >= 12)
    assert (heard.ports(), heard.lost()) == (list(range(12)), 0)


def test_what_came_and_was_not_read_is_there_for_the_next_process(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(300):
        one.send(one.flows(n))
    heard.restart()
    heard.until(lambda: len(heard.ports()) >= 300)
    assert (heard.ports(), heard.lost()) == (list(range(300)), 0)


def test_what_a_checkpoint_holds_is_released(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(4_000):
        one.send(one.flows(n))
        if n % 200 == 199:
            heard.applied(2 + n)
            heard.collector.release(heard.position)
    stats = heard.collector.stats()
    assert len(heard.ports()) == 4_000
    assert stats.journal_octets < 200_000 < stats.received_octets
    assert not heard.collector.is_nearly_full


def test_a_journal_that_is_full_loses_what_comes_and_says_so_once(heard: Listening) -> None:
    one = heard.exporter()
    one.tell()
    for n in range(1_000):
        one.send(one.made(a_set(256, record(ports=(n, 22)) * 25), records=25))
        if n % 100 == 99:
            heard.until(lambda n=n: heard.collector.stats().received >= n + 2)  # type: ignore[misc]
    heard.until(lambda: heard.collector.stats().dropped_at_journal > 0)
    heard.until(lambda: heard.is_idle)
    assert heard.collector.is_nearly_full
    heard.collector.release(heard.position)
    one.send(one.flows(9))
    heard.until(lambda: heard.ports()[-1:] == [9])
    stats = heard.collector.stats()
    assert stats.lost == {one.name: stats.dropped_at_journal * 25}  # the same loss, in records
    assert len(heard.ports()) + heard.lost() == 25_001
    assert len([reason for reason in heard.say() if "journal" in reason]) == 1


def test_what_is_no_ipfix_is_rejected_by_the_dozen(heard: Listening) -> None:
    one = heard.exporter()
    for data in [b"\0\x05" + bytes(70)] * 3 + [b"\0\x09" + bytes(70), b"", b"x", one.made()[:-1] + b"yz"]:
        one.send(data)
    one.tell()
    one.send(one.flows(1))
    heard.applied(9)
    text = " ".join(heard.say())
    assert heard.ports() == [1]
    for words in ("NetFlow version 5", "NetFlow version 9", "no IPFIX", "17 octets, not 16"):
        assert words in text
    assert all(one.source.startswith("127.0.0.1:") for block in heard.blocks for one in block.rejected)


@pytest.mark.parametrize("kind", ["many", "one"])
def test_a_socket_is_read_whole_and_says_what_it_dropped(kind: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
        made.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(made.getsockname())
            for n in range(300):
                sender.send(n.to_bytes(2, "big") * 300)
            port = sender.getsockname()[1]
        lost = receive.dropped(made)
        source = receive.receiver(made) if kind == "many" else receive.One(made)
        found = []
        while some := source.receive():
            found += some
    assert found[3] == ((bytes(10) + b"\xff\xff\x7f\0\0\1", port), b"\0\3" * 300)
    assert lost is None or len(found) + lost == 300
    assert len(found) < 300


def test_what_the_socket_has_no_room_for_is_counted_and_is_the_loss_that_sequence_numbers_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "QUEUED", -1)  # as if the journal's disk stood still
    collector = Collector("127.0.0.1", 0, tmp_path, Clock(), buffer=20_000)
    blocks = collector.blocks()
    assert next(blocks).idle
    one = Exporter(collector.port)
    one.tell()
    for n in range(300):
        one.send(one.flows(*[n] * 20))
    dropped = collector.stats().dropped_at_socket
    if dropped is None:
        pytest.skip("the platform does not say what a socket drops")
    assert dropped > 0
    monkeypatch.setattr(reception, "QUEUED", 1 << 20)
    flows = lost = 0
    last = one.flows(999)
    while not lost or flows + lost < 6_001:
        block = next(blocks)
        flows, lost = flows + len(block.flows or ()), lost + block.lost
        if block.idle and collector.stats().applied >= 301 - dropped:
            one.send(last)
    stats = collector.stats()
    collector.stop()
    one.socket.close()
    assert (flows, lost) == (6_001 - dropped * 20, dropped * 20)
    assert (stats.dropped_at_socket, stats.lost) == (dropped, {one_name(stats): dropped * 20})


def one_name(stats: Any) -> str:
    """The only exporter."""
    (name,) = stats.lost
    return str(name)


def test_a_port_in_use_and_an_address_that_is_not_ours_are_said(
    heard: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "PATIENCE_S", 0.0)
    taken = Collector("127.0.0.1", heard.collector.port, tmp_path / "other", heard.clock)
    with pytest.raises(ConfigurationError, match="listened on"):
        next(taken.blocks())
    with pytest.raises(ConfigurationError, match="listened on"):
        next(Collector("192.0.2.1", 0, tmp_path / "other", heard.clock).blocks())


def test_a_position_that_is_none_of_a_collector_is_refused_at_once(heard: Listening, tmp_path: Path) -> None:
    for wrong in (
        [9],
        [1, "flows", 0, False, []],
        [1, "datagrams", 0, 0, 0, [[b"", 1, 0, [[0, 0, 0, 0, 0, [[1, 0, b""]], []]]]]],
    ):
        with pytest.raises(PositionError):
            Collector("127.0.0.1", 0, tmp_path, heard.clock).blocks(wrong)


def test_it_says_whether_it_listens(tmp_path: Path) -> None:
    """`/readyz` hangs on it: what an exporter sends to a port that is not open yet is lost."""
    collector = Collector("127.0.0.1", 0, tmp_path, Clock())
    assert not collector.stats().is_open
    next(collector.blocks())
    assert collector.stats().is_open
    collector.stop()
    assert not collector.stats().is_open


def test_ipv6_is_heard_too(tmp_path: Path) -> None:
    collector = Collector("::1", 0, tmp_path, Clock())
    try:
        collector.prefetch()
    except ConfigurationError:
        pytest.skip("there is no IPv6 here")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.sendto(message(template(256, PLAIN), a_set(256, record())), ("::1", collector.port))
        block = next(block for block in collector.blocks() if not block.idle)
    assert len(block.flows or ()) == 1
    assert next(iter(collector.stats().lost)).startswith("[::1]:")
    collector.stop()
