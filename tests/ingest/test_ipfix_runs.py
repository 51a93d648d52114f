"""Messages taken many at once are the same flows, losses and rejections as the same messages one by one."""

from __future__ import annotations

import struct
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import ipfix_runs
from ingest.ipfix import IpfixDecoder
from ingest.ipfix_runs import chain, runs
from ingest.records import FLOW
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    PLAIN,
    TALK,
    a_set,
    message,
    options_template,
    record,
    template,
)

UPTIME = (*FOUR, (22, 4), (21, 4))
BODIES = {
    256: lambda n: record(ports=(n, 22)),
    257: lambda n: struct.pack("!II", 1, n + 2),  # options: sampling
    258: lambda n: TALK + struct.pack("!II", n, n + 5),
    259: lambda n: bytes((n % 9 + 1, 0)),  # no flow
    260: lambda n: TALK + bytes([n % 3]) * (n % 3 + 1),  # of variable length
    261: lambda n: b"data whose template never comes",
}
TEMPLATES = (
    template(256, PLAIN)
    + options_template(257, 1, ((149, 4), (34, 4)))
    + template(258, UPTIME)
    + template(259, ((4, 1), (5, 1)))
    + template(260, (*FOUR, (371, 65535)))
)
ODD = [
    message(TEMPLATES, domain=1),
    message(TEMPLATES, domain=2),
    message(a_set(2, struct.pack("!HH", 256, 0)), domain=1),  # withdrawn
    message(template(256, UPTIME), domain=1),  # another one of the same id
    message(a_set(257, BODIES[257](40)), domain=1),
    message(),
    message(a_set(256, record()) + a_set(258, TALK + bytes(8))),
    message(a_set(256, b"")),
    message(struct.pack("!HH", 256, 90) + record()),
    message(a_set(256, record() + b"\0\0\0")),
    b"\xde\xad\xbe\xef" * 5,
    message()[:-1],
]


@st.composite
def alike(draw: Any) -> bytes:
    """Messages of one template; mostly of one length and in sequence."""
    number, domain = draw(st.sampled_from(list(BODIES))), draw(st.integers(1, 3))
    sizes = draw(st.just([2] * 6) | st.lists(st.integers(0, 4), min_size=2, max_size=12))
    sequence = draw(st.sampled_from([0, 5, (1 << 32) - 7]))
    gaps = draw(st.just({}) | st.dictionaries(st.integers(0, 11), st.sampled_from([1, 3, -2, 9_000])))
    parts = []
    for at, size in enumerate(sizes):
        sequence = (sequence + gaps.get(at, 0)) % (1 << 32)
        body = b"".join(BODIES[number](at + one) for one in range(size)) + bytes(at % 3 if gaps else 0)
        parts.append(
            message(a_set(number, body), domain=domain, sequence=sequence, exported_s=EXPORTED_S + at)
        )
        sequence = (sequence + size) % (1 << 32)
    return b"".join(parts)


PIECES = st.lists(st.sampled_from(ODD) | alike(), max_size=8).map(lambda pieces: ODD[0] + b"".join(pieces))


def told(octets: bytes, places: list[int], few: int) -> list[Any]:
    """All that comes of a file in these parts, in order, where so many messages in a row are a run."""
    decoder, made = IpfixDecoder("a"), []
    ends = sorted(place % (len(octets) + 1) for place in places)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ipfix_runs, "FEW", few)
        for begin, end in zip([0, *ends], [*ends, len(octets)], strict=True):
            found = decoder.feed(octets[begin:end], end == len(octets))
            columns = [found.flows.column(name).tolist() for name in FLOW.names or ()]
            made.append((columns, found.rejected, found.read, found.filtered, found.lost))
    return made


@settings(derandomize=True, deadline=None, max_examples=400)
@given(PIECES, st.lists(st.integers(0, 10**6), max_size=3))
def test_runs_are_what_their_messages_are(octets: bytes, places: list[int]) -> None:
    assert told(octets, places, 2) == told(octets, places, sys.maxsize)


def test_a_template_that_changes_between_two_runs_counts_from_there_on() -> None:
    before, after = ([message(a_set(256, one)) for _ in range(20)] for one in (record(), TALK + bytes(8)))
    octets = b"".join([message(template(256, PLAIN)), *before, message(template(256, UPTIME)), *after])
    found = IpfixDecoder("a").feed(octets, True)
    assert [len(part) for part in found.flows.parts] == [20, 20]
    assert found.rejected == []


def test_a_run_is_of_one_domain_and_one_template() -> None:
    of = [(1, 256)] * 20 + [(2, 256)] * 18 + [(2, 257)] * 17 + [(1, 257), (2, 257)] * 20
    octets = b"".join(message(a_set(number, b"x"), domain=domain) for domain, number in of)
    found = [(last - first, run and run.domain) for first, last, run in runs(octets, chain(octets, 0))]
    assert [one for one in found if one[0]] == [(20, 1), (18, 2), (17, 2), (40, None)]


def test_lost_messages_within_a_run_are_counted() -> None:
    numbers = [n for n in range(40) if n not in (7, 8, 30)]
    octets = ODD[0] + b"".join(message(a_set(256, record()), sequence=n) for n in numbers)
    assert IpfixDecoder("a").feed(octets, True).lost == 3
