"""Several samplers of one exporter: a flow is scaled by the sampler that chose it, or counts come out many times wrong."""

from __future__ import annotations

import struct
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ipfix import DecoderState, IpfixDecoder
from ingest.ipfix_samplers import MAX_SAMPLERS
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    TALK,
    a_set,
    message,
    options_template,
    rows,
    specifiers,
    template,
)

BY = {"samplerId": (48, 1), "selectorId": (302, 8)}


def flows(*ids: int, width: int = 1) -> bytes:
    return a_set(256, b"".join(TALK + number.to_bytes(width, "big") for number in ids))


def told(*rates: tuple[int, int], width: int = 1) -> bytes:
    body = b"".join(number.to_bytes(width, "big") + b"\2" + struct.pack("!I", rate) for number, rate in rates)
    return a_set(257, body)


def templates(element: tuple[int, int]) -> bytes:
    options = options_template(257, 1, (element, (49, 1), (50, 4)))
    return template(256, (*FOUR, element)) + options


def sampling(decoder: IpfixDecoder, *sets: bytes) -> list[int]:
    return [int(row["sampling"]) for row in rows(decoder.datagram(message(*sets)))]


@pytest.mark.parametrize("name", BY)
def test_each_records_own_sampler_decides(name: str) -> None:
    element = BY[name]
    decoder, width = IpfixDecoder("a"), element[1]
    sampling(decoder, templates(element), told((1, 100), (2, 1_000), width=width))
    assert sampling(decoder, flows(1, 2, 1, 2, width=width)) == [100, 1_000, 100, 1_000]


def test_version_9_tells_its_samplers_too() -> None:
    fields = (*FOUR, (48, 1))
    options = struct.pack("!HHHHH", 1, 26, 257, 4, 12) + struct.pack("!8H", 1, 4, 48, 1, 49, 1, 50, 4)
    data = b"".join(struct.pack("!IBBI", 0, number, 2, rate) for number, rate in ((1, 50), (7, 500)))
    body = (
        struct.pack("!HHHH", 0, 8 + 4 * len(fields), 256, len(fields)) + specifiers(fields),
        options,
        a_set(257, data),
        flows(7, 1),
    )
    head = struct.pack("!HHIIII", 9, 6, 1_000, EXPORTED_S, 0, 1)
    assert [int(row["sampling"]) for row in rows(IpfixDecoder("a").datagram(head + b"".join(body)))] == [
        500,
        50,
    ]


def test_a_sampler_of_which_nothing_was_told_is_as_the_exporter_says_of_all() -> None:
    decoder = IpfixDecoder("a")
    assert sampling(decoder, templates(BY["samplerId"]), flows(1)) == [0]
    assert sampling(decoder, told((1, 100)), flows(1, 9)) == [100, 100]
    assert sampling(decoder, told((2, 10)), flows(1, 2, 9)) == [100, 10, 10]


def test_what_a_sampler_took_before_holds_for_what_came_before() -> None:
    decoder = IpfixDecoder("a")
    sets = (told((1, 100)), flows(1), told((1, 200)), flows(1))
    assert sampling(decoder, templates(BY["samplerId"]), *sets) == [100, 200]


def test_two_domains_samplers_are_not_mixed() -> None:
    octets = b"".join(
        message(templates(BY["samplerId"]), told((1, rate)), flows(1, 1), domain=domain)
        for domain, rate in ((1, 100), (2, 7))
    )
    found = rows(IpfixDecoder("a").feed(octets, True))
    assert found["sampling"].tolist() == [100, 100, 7, 7]


def test_samplers_are_known_again_after_a_restart() -> None:
    decoder = IpfixDecoder("a")
    sampling(decoder, templates(BY["samplerId"]), told((1, 100), (2, 1_000)))
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(decoder.state()), type=DecoderState)
    assert sampling(IpfixDecoder.restored("a", kept), flows(2, 1)) == [1_000, 100]


def test_the_samplers_of_a_domain_are_bounded() -> None:
    decoder = IpfixDecoder("a")
    sampling(decoder, templates((302, 8)), *(told((number, number + 2), width=8) for number in range(3_000)))
    (domain,) = msgspec.convert(decoder.state(), DecoderState).domains
    assert len(domain.samplers) == MAX_SAMPLERS
    assert sampling(decoder, flows(2_999, 1, width=8)) == [3_001, 3_001]


SETS = st.one_of(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1)), max_size=5).map(
        lambda some: told(*some)
    ),
    st.lists(st.integers(0, 255), max_size=5).map(lambda some: flows(*some)),
    st.binary(max_size=20).map(lambda octets: a_set(257, octets)),
)


@settings(derandomize=True, deadline=None)
@given(st.lists(SETS, max_size=8))
def test_whatever_samplers_are_told_every_record_has_the_one_it_names(sets: list[bytes]) -> None:
    whole, one = IpfixDecoder("a"), IpfixDecoder("a")
    expected = sampling(one, templates(BY["samplerId"]))
    for each in sets:
        expected += sampling(one, each)
    assert sampling(whole, templates(BY["samplerId"]), *sets) == expected


def test_samplers_told_between_all_sets_cost_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        octets = message(templates(BY["samplerId"]))
        pairs: list[Any] = [told((number % 200, number)) + flows(number % 200) for number in range(count)]
        octets += b"".join(message(*pairs[at : at + 1_000]) for at in range(0, count, 1_000))
        begun = time.process_time()
        found = IpfixDecoder("a").feed(octets, True)
        assert len(found.flows.column("sampling")) == count
        return time.process_time() - begun

    seconds(100)
    assert seconds(16_000) < 100 * max(seconds(1_000), 0.01)
