"""Whatever octets come, an analyst loses no good flow beside them, and nobody can make the decoder stall."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.exporters import Exporters
from ingest.ipfix import IpfixDecoder
from ingest.ipfix_sets import MAX_ALL_WAITING, MAX_DOMAINS, MAX_WAITING
from ingest.ipfix_templates import MAX_SPECIFIERS, MAX_TEMPLATES
from ingest.journal_files import Datagram
from ingest.records import FLOW
from simulation.wire.ipfix import Exporter
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    PLAIN,
    TALK,
    a_set,
    decoded,
    message,
    options_template,
    record,
    rows,
    specifiers,
    template,
)

# No seed and no deadline that would differ from run to run.
FUZZ = settings(derandomize=True, deadline=None, max_examples=200)
GOOD = message(template(256, PLAIN), a_set(256, record()))
BOOT = struct.pack("!IQ", 1, EXPORTED_S * 1000 - 60_000)
# One of each kind of what a decoder has to keep in mind from one message to the next.
MESSAGES = [
    message(a_set(301, TALK * 2), domain=3),
    message(template(256, PLAIN), options_template(257, 1, ((149, 4), (34, 4))), domain=3),
    message(a_set(257, struct.pack("!II", 1, 50)), a_set(256, record() * 4), domain=3),
    message(template(300, (*FOUR, (371, 65535))), a_set(300, (TALK + b"\x02hi") * 3)),
    message(options_template(258, 1, ((149, 4), (160, 8))), a_set(258, BOOT), sequence=3),
    message(template(302, (*FOUR, (22, 4), (21, 4))), a_set(302, (TALK + bytes(8)) * 2), sequence=4),
    message(template(301, FOUR), a_set(256, record(ports=(1, 2))), domain=3, sequence=9),
    message(template(303, ((27, 16), (28, 16), (1, 3), (1, 8, 29305))), a_set(303, bytes(43)), domain=4),
    message(a_set(2, struct.pack("!HH", 256, 0)), a_set(256, record()), domain=3, sequence=10),
]
GARBAGE = [
    b"\xde\xad\xbe\xef" * 9,
    b"\x00\x0a",
    b"\x00\x0a\xff\xff" + bytes(9),
    b"\x00\x05" + b"\x01" * 70,
    b"\x00",
]


def outcome(parts: list[bytes]) -> Any:
    """All that comes of a file in these parts; each part's records add up, and each column can be made."""
    decoder, made, kept, lost = IpfixDecoder("a"), [], [], 0
    for number, part in enumerate(parts):
        found = decoder.feed(part, number == len(parts) - 1)
        assert found.read == len(found.flows) + sum(found.filtered.values())
        flows = rows(found)
        assert [flows[name].tolist() for name in FLOW.names or ()] == [
            found.flows.column(name).tolist() for name in FLOW.names or ()
        ]
        made += flows.tolist()
        kept += found.rejected
        lost += found.lost
    return sorted(made), kept, lost


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    """In parts that end at these places."""
    ends = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[a:b] for a, b in pairwise(ends)]


# Any cut


@FUZZ
@given(st.lists(st.integers(0, 10**6), max_size=12))
def test_any_cut_of_a_file_gives_the_same_flows(places: list[int]) -> None:
    whole = b"".join(MESSAGES)
    assert len(outcome([whole])[0]) == 2 + 4 + 3 + 2 + 1 + 1
    assert outcome(cut(whole, places)) == outcome([whole])


@FUZZ
@given(
    st.lists(st.sampled_from(GARBAGE + MESSAGES), max_size=8),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_any_cut_of_a_damaged_file_gives_the_same_flows_and_says_the_same(
    pieces: list[bytes], places: list[int]
) -> None:
    whole = b"".join(pieces)
    assert outcome(cut(whole, places)) == outcome([whole])


def test_a_file_that_comes_octet_by_octet_gives_the_same_flows() -> None:
    whole = b"".join([GARBAGE[2], *MESSAGES, GARBAGE[0], *MESSAGES])
    assert outcome([whole[at : at + 1] for at in range(len(whole))]) == outcome([whole])


@pytest.mark.parametrize("at", [1, 2, 3, 4, 15, 16, 17, 30_000])
def test_a_long_message_may_be_cut_anywhere(at: int) -> None:
    whole = message(template(256, PLAIN), a_set(256, record() * 1_000)) + GOOD
    assert outcome(cut(whole, [at])) == outcome([whole])


@FUZZ
@given(st.lists(st.integers(1, 700), min_size=1, max_size=5))
def test_any_cut_of_what_our_simulation_exports_gives_all_its_flows(sizes: list[int]) -> None:
    from simulation.conversations import FLOW as SIMULATED

    flows = np.zeros(sum(sizes) % 300 + 1, SIMULATED)
    flows["end_us"] = EXPORTED_S * 1_000_000 + np.arange(len(flows))
    flows["source"], flows["packets"] = np.arange(len(flows)), 3
    whole = Exporter(7, sampling=20).export(flows)
    made, kept, lost = outcome(cut(whole, list(np.cumsum(sizes))))
    assert (len(made), kept, lost) == (len(flows), [], 0)
    assert {row[FLOW.names.index("sampling")] for row in made} == {20}


# Garbage


@pytest.mark.parametrize(
    "garbage", GARBAGE, ids=["words", "version", "length of a message", "NetFlow", "zero"]
)
def test_what_follows_garbage_is_read(garbage: bytes) -> None:
    found = decoded(GOOD, garbage, GOOD, GOOD)
    assert len(found.flows) == 3
    assert [(one.offset, one.kind) for one in found.rejected] == [(len(GOOD), "message")]
    assert str(len(garbage)) in found.rejected[0].reason


def test_a_long_run_of_garbage_is_said_once_and_not_kept() -> None:
    decoder = IpfixDecoder("a")
    parts = [decoder.feed(b"\x00\x05" + b"\x01" * 998) for _ in range(300)]
    assert not any(part.rejected for part in parts)
    assert len(decoder._rest) + len(decoder._garbage or b"") < 1_000
    (said,) = decoder.feed(b"", True).rejected
    assert "300000 octets are no message of NetFlow version 5" in said.reason
    assert (said.offset, len(said.excerpt)) == (0, 96)


def test_a_set_whose_length_lies_costs_its_message_alone() -> None:
    lies = message(struct.pack("!HH", 256, 2) + record(), sequence=1)
    found = decoded(GOOD, lies, message(a_set(256, record()), sequence=2))
    assert (len(found.flows), len(found.rejected), found.lost) == (2, 1, 0)


# Harm


@FUZZ
@given(st.binary(max_size=400))
def test_random_octets_do_no_harm(octets: bytes) -> None:
    outcome([octets])
    outcome([b"\x00\x0a" + struct.pack("!H", max(len(octets) + 4, 16)) + octets])


@FUZZ
@given(st.lists(st.tuples(st.sampled_from([2, 3, 256, 257, 258]), st.binary(max_size=80)), max_size=6))
def test_random_sets_do_no_harm(sets: list[tuple[int, bytes]]) -> None:
    outcome([message(template(256, PLAIN), *(a_set(number, body) for number, body in sets))])


@FUZZ
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 10**6),
)
def test_damaged_messages_do_no_harm(damage: list[tuple[int, int]], end: int) -> None:
    octets = bytearray(b"".join(MESSAGES))
    for place, value in damage:
        octets[place % len(octets)] = value
    whole = bytes(octets[: end % (len(octets) + 1)])
    assert outcome(cut(whole, [place for place, _ in damage])) == outcome([whole])


@pytest.mark.parametrize("value", [0, 1, (1 << 31) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize(
    "element", [1, 2, 4, 6, 7, 21, 22, 34, 89, 150, 152, 154, 156, 158, 160, 161, 233, 305]
)
def test_no_value_of_any_element_does_harm(element: int, value: int) -> None:
    fields = ((8, 4), (12, 4), (element, 8))
    told = TALK[:8] + struct.pack("!Q", value)
    options = options_template(257, 1, ((149, 4), (element, 8)))
    here = message(options, a_set(257, struct.pack("!IQ", 1, value)), template(256, fields), a_set(256, told))
    uptime = message(template(258, (*FOUR, (22, 4))), a_set(258, TALK + bytes(4)), sequence=2)
    assert len(outcome([here + uptime])[0]) == 2


# Floods


def test_what_waits_for_a_template_is_bounded() -> None:
    decoder = IpfixDecoder("a")
    big = message(a_set(256, bytes(60_000)))
    found = [decoder.feed(big) for _ in range(MAX_WAITING // 60_000 + 3)]
    assert any("no more is kept" in one.reason for part in found for one in part.rejected)


def test_what_waits_is_bounded_for_tiny_sets_and_for_many_domains() -> None:
    tiny = IpfixDecoder("a")
    refused = sum(len(tiny.feed(message(a_set(256, b"x") * 8_000)).rejected) for _ in range(2))
    assert 10_000 < refused < 16_000
    many = IpfixDecoder("a")
    for number in range(MAX_ALL_WAITING // 60_000 + 3):
        last = many.feed(message(a_set(256, bytes(60_000)), domain=number))
    assert "no more is kept" in last.rejected[0].reason
    assert many.feed(b"", True).rejected
    assert many.feed(message(a_set(256, bytes(60_000)))).rejected == []  # there is room again


def test_a_set_of_no_records_does_not_wait() -> None:
    assert decoded(message(a_set(256, b"") * 1_000)).rejected == []


def test_a_flood_of_templates_is_bounded_and_said() -> None:
    found = decoded(*(message(template(256 + n, FOUR)) for n in range(MAX_TEMPLATES + 2)))
    assert len(found.rejected) == 2
    assert str(MAX_TEMPLATES) in found.rejected[0].reason


def test_large_templates_in_many_domains_are_bounded_until_some_are_withdrawn() -> None:
    decoder = IpfixDecoder("a")
    large = template(256, ((210, 1),) * 16_000)
    found = [decoder.feed(message(large, domain=n)) for n in range(MAX_SPECIFIERS // 64_000 + 2)]
    assert str(MAX_SPECIFIERS) in found[-1].rejected[0].reason
    assert not found[0].rejected
    gone = a_set(2, struct.pack("!HH", 2, 0))
    assert not decoder.feed(message(gone, domain=0) + message(large, domain=9_999)).rejected


def test_a_flood_of_domains_is_bounded_and_those_known_go_on() -> None:
    found = decoded(*(message(domain=n) for n in range(MAX_DOMAINS + 1)), message(GOOD[16:], domain=0))
    assert (len(found.flows), len(found.rejected)) == (1, 1)


def steps(work: Callable[[], object]) -> int:
    """How many instructions of Python it takes: no seconds, which would differ from run to run."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def one_field(number: int) -> bytes:
    return struct.pack("!HH", number, 1) + specifiers(((8, 4),))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "what looks like messages": lambda n: b"\x00\x0a\x00\x11" * n,
    "what looks like long messages": lambda n: b"\x00\x0a\xff\xff" * n,
    "tiny sets that wait, and templates": lambda n: message(
        a_set(9_999, b"x") * n, a_set(2, b"".join(one_field(256 + i) for i in range(n)))
    ),
    "templates, and withdrawals of all": lambda n: message(
        *(options_template(256 + i, 1, ((149, 4),)) for i in range(n)),
        a_set(2, struct.pack("!HH", 2, 0) * n),
    ),
    "a record of many fields that never ends": lambda n: message(
        template(256, ((371, 65535),) * n), a_set(256, b"\x01" * (n + 3)) * 3
    ),
    "fields of no octets": lambda n: message(template(256, (*FOUR, *((371, 0),) * n)), a_set(256, TALK * n)),
    "fields longer than any record": lambda n: message(template(256, ((371, 65534),) * n), a_set(256, TALK * n)),
    "sets whose length points outside": lambda n: message(struct.pack("!HH", 2, 65_000), TALK) * n,
    "field counts that point outside": lambda n: message(a_set(2, struct.pack("!HH", 256, 65_535) + TALK)) * n,
    "a flood of templates": lambda n: b"".join(
        message(a_set(2, b"".join(one_field(256 + (i * 40 + j) % 60_000) for j in range(40)))) for i in range(n)
    ),
    "a flood of domains": lambda n: b"".join(message(template(256, FOUR), domain=i) for i in range(n)),
    "records of one octet": lambda n: message(template(256, ((371, 65535),)), a_set(256, bytes(8 * n))),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_as_hostile_datagrams_cost_no_more_than_about_twice(kind: str) -> None:
    """By UDP anybody can send them; what is kept of an exporter has its bounds."""

    def taken(size: int) -> None:
        octets, exporters = HOSTILE[kind](size), Exporters("udp")
        for at in range(0, len(octets), 1_400):
            body = octets[at : at + 1_400]
            exporters.take([Datagram((bytes(16), 1), EXPORTED_S * 1_000_000, crc32(body), body)])

    small, large = (steps(lambda size=size: taken(size)) for size in (300, 600))
    assert large < 2.6 * small


@pytest.mark.parametrize("kind", HOSTILE)
def test_twice_as_hostile_a_file_costs_no_more_than_about_twice(kind: str) -> None:
    small, large = (steps(lambda size=size: decoded(HOSTILE[kind](size))) for size in (300, 600))
    assert large < 2.6 * small
