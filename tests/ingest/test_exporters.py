"""Datagrams in any order, however they are read together: the same flows, the same loss, and nothing raises."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import exporters as module
from ingest.blocks import Block
from ingest.exporters import Exporters
from ingest.ipfix_sequence import REORDERED, Sequence
from ingest.journal_files import Datagram
from ingest.positions import ExporterState
from tests.ingest.ipfix_messages import EXPORTED_S, FOUR, PLAIN, a_set, message, record, template
from tests.ingest.test_live_files import held

A, B = (bytes(15) + b"\x01", 1), (bytes(15) + b"\x02", 1)


def datagram(data: bytes, second: int = EXPORTED_S, source: tuple[bytes, int] = A) -> Datagram:
    return Datagram(source, second * 1_000_000, crc32(data), data)


def restored(before: Exporters) -> Exporters:
    """What a new process has from a position."""
    packed = msgspec.msgpack.encode(before.state())
    made = Exporters("udp", before.second)
    made.restore(msgspec.msgpack.decode(packed, type=list[ExporterState]))
    return made


def taken(datagrams: list[Datagram], cuts: list[int], restart: bool) -> tuple[list[Block], Exporters]:
    """All of them, in batches, each by a new process if that is wanted."""
    one, blocks = Exporters("udp"), []
    edges = sorted({0, len(datagrams), *(cut % (len(datagrams) + 1) for cut in cuts)})
    for begin, end in pairwise(edges):
        blocks.append(one.take(datagrams[begin:end]))
        one = restored(one) if restart else one
    return blocks, one


def ports(blocks: list[Block]) -> list[int]:
    return sorted(port for block in blocks if block.flows for port in block.flows.column("src_port").tolist())


FATES = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from(["sent"] * 6 + ["dropped", "dropped", "twice"]), st.integers(0, 12)
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(
    FATES,
    st.integers(0, (1 << 32) - 1),
    st.integers(0, 12),
    st.lists(st.integers(0, 100), max_size=6),
    st.booleans(),
)
def test_loss_is_exact_and_each_flow_comes_once(
    fates: list[tuple[int, str, int]], start: int, told_at: int, cuts: list[int], restart: bool
) -> None:
    """Messages are displaced by up to 12 places, the template's too; the first and the last come in time."""
    sent: list[tuple[int, bytes]] = [(-1, message(template(300, FOUR), a_set(9, b""), sequence=start))]
    sequence, expected, lost = start, [], 0
    for place, (count, fate, later) in enumerate(fates):
        numbers = [4 * place + n for n in range(count)]
        one = message(a_set(256, b"".join(record(ports=(n, 22)) for n in numbers)), sequence=sequence)
        sequence = (sequence + count) % (1 << 32)
        if fate == "dropped":
            lost += count
            continue
        expected += numbers
        sent += [(place + later, one)] * (2 if fate == "twice" else 1)
    sent.append((told_at, message(template(256, PLAIN), sequence=start)))
    sent.sort(key=lambda one: one[0])
    sent.append((99, message(template(256, PLAIN), sequence=sequence)))
    blocks, _ = taken([datagram(data) for _, data in sent], cuts, restart)
    assert ports(blocks) == sorted(expected)
    assert sum(block.lost for block in blocks) == lost
    assert not [one for block in blocks for one in block.rejected]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_nothing_hangs_on_how_datagrams_are_read_together(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [
            message(template(256, PLAIN), sequence=3),
            message(template(256, FOUR), sequence=3),
            message(a_set(256, record(ports=(1, 2)) * 2), sequence=3),
            message(a_set(256, record(ports=(3, 4)) * 3), sequence=5, exported_s=EXPORTED_S + 9),
            message(a_set(256, record() * 20), sequence=8),
            message(a_set(257, record()), sequence=8),
            message(a_set(256, record()), sequence=70_000),
            message(a_set(256, b"")[:3] + b"\xff", domain=2),
            b"\0\x09" + bytes(30),
        ]
    )
    steps = st.sampled_from([0, 0, 0, 1, 400, 1_000, 2_000])
    second, datagrams = EXPORTED_S, []
    for one, source, step in data.draw(
        st.lists(st.tuples(pieces, st.sampled_from([A, B]), steps), max_size=60)
    ):
        second += step
        datagrams.append(datagram(one, second, source))
    cuts = data.draw(st.lists(st.integers(0, 60), max_size=8))
    at_once, one = taken(datagrams, [], False)
    in_parts, other = taken(datagrams, cuts, data.draw(st.booleans()))
    flows, others = held(at_once), held(in_parts)
    assert sorted(flows[1]) == sorted(others[1])
    assert flows[2:] == others[2:]
    assert one.state() == other.state()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=80), st.sampled_from([A, B]), st.booleans()), max_size=20))
def test_hostile_datagrams_come_out_as_rejected(some: list[tuple[bytes, tuple[bytes, int], bool]]) -> None:
    one = Exporters("udp")
    for body, source, whole in some:
        data = message(body) if whole else body
        block = one.take([datagram(data, EXPORTED_S, source)])
        assert block.read == len(block.flows or ()) + sum(block.filtered.values())
    restored(one)


def test_a_flood_of_exporters_and_domains_stays_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EXPORTERS", 20)
    one = Exporters("udp")
    told = template(256, PLAIN)
    for n in range(200):
        source = (n.to_bytes(16, "big"), n)
        waits = [message(a_set(300, bytes(1_000)), domain=m) for m in range(5)]
        one.take([datagram(data, EXPORTED_S, source) for data in [message(told), *waits]])
    common = one._common
    assert (len(one._known), common.domains) == (20, 100)
    assert common.waiting_size <= 20 * 5 * 1_300
    assert common.layouts.held == 20 * 4 * len(PLAIN)
    assert len(one.state()) == 20


def test_a_message_may_come_late_only_within_a_window() -> None:
    one = Sequence()
    assert [one.took(at, 0, 1) for at in (0, 2, 1)] == [0, 1, -1]
    one.took(3, 0, 1)
    assert one.took(5, 0, 1) == 1
    assert one.took(6 + REORDERED, 0, 1) == REORDERED
    assert one.took(4, 0, 1) == 0  # too late to be told from an exporter that begins anew
    assert one.restarts == 1


def test_an_exporter_that_counted_far_and_begins_at_0_has_lost_nothing() -> None:
    for far in (3_000_000_000, 4_000_000_000):
        one = Sequence()
        assert [one.took(at, 0, 10) for at in (far, 0, 10)] == [0, 0, 0]
        assert (one.restarts, one.lost) == (1, 0)


def test_a_state_that_is_damaged_is_refused() -> None:
    one = Exporters("udp")
    one.take([datagram(message(template(256, PLAIN)))])
    state: list[Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(one.state()))
    state[0][3][0][7][0] = []  # the times of its templates
    kept = msgspec.convert(state, list[ExporterState])
    with pytest.raises(ValueError, match="zip"):
        Exporters("udp").restore(kept)
