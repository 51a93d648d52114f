"""A port that flows come to: what it drops is counted, a full journal is said, and so is what can't be listened to."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from ingest import receive, reception
from ingest.collector import Collector
from ingest.errors import ConfigurationError, PositionError
from tests.ingest.collecting import Clock, Exporter, Listening
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template


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
    heard.until(lambda: (told := heard.collector.stats()).applied + told.dropped_at_journal == 1_001)
    assert heard.collector.stats().dropped_at_journal
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
