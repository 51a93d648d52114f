"""IPFIX as exporters really send it; what the decoder gets wrong here, an analyst never sees."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ipfix import MAX_TEMPLATES, MAX_WAITING, Decoded, IpfixDecoder
from ingest.records import address_text
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    PLAIN,
    START_MS,
    a_set,
    message,
    options_template,
    record,
    template,
)

FOUR = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1))
TALK = ip_address("198.51.100.7").packed + ip_address("10.0.0.5").packed + struct.pack("!HHB", 40_000, 22, 6)


def decoded(*messages: bytes) -> Decoded:
    """All of a file."""
    return IpfixDecoder("a.ipfix").feed(b"".join(messages), True)


def rows(found: Decoded) -> Any:
    """All flows as rows."""
    return found.flows.rows(np.ones(len(found.flows), bool))


def test_a_record_comes_out_with_all_that_detections_use() -> None:
    (row,) = rows(decoded(message(template(256, PLAIN), a_set(256, record()))))
    assert address_text(row["src_hi"], row["src_lo"]) == "198.51.100.7"
    assert address_text(row["dst_hi"], row["dst_lo"]) == "10.0.0.5"
    told = {
        name: int(row[name]) for name in ("src_port", "dst_port", "packets", "octets", "protocol", "flags")
    }
    assert told == {
        "src_port": 40_000,
        "dst_port": 22,
        "packets": 12,
        "octets": 3_400,
        "protocol": 6,
        "flags": 27,
    }
    assert (row["start_us"], row["end_us"]) == (START_MS * 1000, (START_MS + 2_000) * 1000)


def test_addresses_of_both_families_come_out() -> None:
    six = ip_address("2001:db8::7").packed + ip_address("2001:db8::5").packed + struct.pack("!HHB", 1, 22, 6)
    found = decoded(message(template(300, ((27, 16), (28, 16), *FOUR[2:])), a_set(300, six)))
    (row,) = rows(found)
    assert address_text(row["src_hi"], row["src_lo"]) == "2001:db8::7"
    assert address_text(row["dst_hi"], row["dst_lo"]) == "2001:db8::5"


@pytest.mark.parametrize(
    ("fields", "values", "start_us", "end_us"),
    [
        (((150, 4), (151, 4)), struct.pack("!II", 100, 107), 100_000_000, 107_000_000),
        (((152, 8), (161, 4)), struct.pack("!QI", 5_000, 250), 5_000_000, 5_250_000),
        (((153, 8), (161, 4)), struct.pack("!QI", 5_000, 250), 4_750_000, 5_000_000),
        # RFC 7011, section 6.1.9: NTP's format, seconds since 1900 and fractions of 2**32
        (((154, 8), (155, 8)), struct.pack("!IIII", 2_208_988_810, 1 << 31, 2_208_988_811, 0), 10_500_000, 11_000_000),
        (((158, 4), (159, 4)), struct.pack("!II", 3_000_000, 1_000_000), EXPORTED_S * 10**6 - 3_000_000, EXPORTED_S * 10**6 - 1_000_000),
        (((160, 8), (22, 4), (21, 4)), struct.pack("!QII", 1_000_000, 5_000, 6_000), 1_005_000_000, 1_006_000_000),
        ((), b"", EXPORTED_S * 10**6, EXPORTED_S * 10**6),
    ],
    ids=["seconds", "start and duration", "end and duration", "NTP", "deltas", "uptime and boot", "export time"],
)  # fmt: skip
def test_every_way_to_say_a_time_is_read(fields: Any, values: bytes, start_us: int, end_us: int) -> None:
    found = decoded(message(template(256, (*FOUR, *fields)), a_set(256, TALK + values)))
    (row,) = rows(found)
    assert (int(row["start_us"]), int(row["end_us"])) == (start_us, end_us)


def test_times_since_the_system_started_count_from_each_messages_own_export() -> None:
    told = template(256, (*FOUR, (22, 4), (21, 4)))
    first = message(told, a_set(256, TALK + struct.pack("!II", 1_000, 9_000)))
    later = message(
        a_set(256, TALK + struct.pack("!II", 61_000, 69_000)), exported_s=EXPORTED_S + 60, sequence=1
    )
    assert rows(decoded(first, later))["end_us"].tolist() == [EXPORTED_S * 10**6, (EXPORTED_S + 60) * 10**6]


def test_a_records_time_does_not_hang_on_which_others_are_looked_at() -> None:
    told = template(256, (*FOUR, (22, 4), (21, 4)))
    flows = decoded(
        message(told, a_set(256, b"".join(TALK + struct.pack("!II", 0, ms) for ms in (4_000, 9_000))))
    ).flows
    alone = flows.rows(np.array([True, False]))
    assert alone["end_us"].tolist() == [(EXPORTED_S - 5) * 10**6] == flows.column("end_us")[:1].tolist()


def test_a_biflow_carries_both_directions() -> None:
    fields = (*FOUR, (2, 4), (1, 4), (2, 4, 29305), (1, 4, 29305))
    (row,) = rows(
        decoded(message(template(256, fields), a_set(256, TALK + struct.pack("!IIII", 22, 3737, 15, 3124))))
    )
    counts = [int(row[name]) for name in ("packets", "octets", "packets_back", "octets_back")]
    assert counts == [22, 3737, 15, 3124]


def test_variable_length_and_enterprise_fields_are_passed_over() -> None:
    fields = (*FOUR, (371, 65535), (9, 2, 6871), (1, 4))
    short = TALK + b"\x03bob" + b"\x00\x01" + struct.pack("!I", 7)
    long = TALK + b"\xff\x01\x2c" + b"x" * 300 + b"\x00\x01" + struct.pack("!I", 8)
    found = decoded(message(template(256, fields), a_set(256, short + long + short)))
    assert rows(found)["octets"].tolist() == [7, 8, 7]
    assert not found.rejected


def test_fewer_octets_for_a_number_are_read() -> None:
    fields = (*FOUR, (1, 3), (2, 5))
    found = decoded(
        message(template(256, fields), a_set(256, TALK + b"\x01\x00\x02" + b"\x00\x00\x00\x01\x00"))
    )
    (row,) = rows(found)
    assert (int(row["octets"]), int(row["packets"])) == (65_538, 256)


def test_the_sampling_rate_of_options_data_holds_for_its_domain_alone() -> None:
    options = options_template(257, 1, ((149, 4), (305, 4), (306, 4)))
    rate = a_set(257, struct.pack("!III", 1, 1, 99))
    here = message(template(256, PLAIN), options, rate, a_set(256, record()))
    elsewhere = message(template(256, PLAIN), a_set(256, record()), domain=2)
    assert sorted(rows(decoded(here, elsewhere))["sampling"].tolist()) == [0, 100]


def test_templates_belong_to_their_observation_domain() -> None:
    found = decoded(message(template(256, PLAIN)), message(a_set(256, record()), domain=2))
    assert len(found.flows) == 0
    assert "observation domain 2 came before its template" in found.rejected[0].reason


def test_data_before_its_template_waits_for_it() -> None:
    found = decoded(message(a_set(256, record())), message(template(256, PLAIN), sequence=1))
    assert (len(found.flows), found.rejected, found.read) == (1, [], 1)


def test_what_waits_for_a_template_is_bounded() -> None:
    decoder = IpfixDecoder("a.ipfix")
    big = message(a_set(256, bytes(60_000)))
    found = [decoder.feed(big) for _ in range(MAX_WAITING // 60_000 + 3)]
    assert any("no more is kept" in one.reason for part in found for one in part.rejected)


def test_a_template_that_was_withdrawn_or_changed_is_not_used_any_more() -> None:
    gone = a_set(2, struct.pack("!HH", 256, 0))
    found = decoded(message(template(256, PLAIN), gone, a_set(256, record())))
    assert (len(found.flows), len(found.rejected)) == (0, 1)
    changed = decoded(message(template(256, PLAIN), template(256, FOUR), a_set(256, TALK)))
    assert rows(changed)["dst_port"].tolist() == [22]


def test_a_flood_of_templates_is_bounded_and_said() -> None:
    found = decoded(*(message(template(256 + n, FOUR)) for n in range(MAX_TEMPLATES + 2)))
    assert len(found.rejected) == 2
    assert str(MAX_TEMPLATES) in found.rejected[0].reason


def test_lost_records_are_counted_by_sequence_number() -> None:
    first = message(template(256, PLAIN), a_set(256, record() * 3), sequence=10)
    assert decoded(first, message(a_set(256, record()), sequence=18)).lost == 5


def test_records_denied_by_a_firewall_are_marked() -> None:
    found = decoded(message(template(256, (*FOUR, (233, 1))), a_set(256, TALK + b"\x03" + TALK + b"\x01")))
    assert rows(found)["denied"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (message(template(256, PLAIN), a_set(256, record()))[:-5], "cut"),
        (message(template(256, PLAIN), struct.pack("!HH", 256, 4_000)), "says a length of 4000"),
        (message(a_set(2, struct.pack("!HH", 256, 900))), "says 900 fields"),
        (message(template(256, ((210, 0),))), "no octets"),
        (message(template(200, FOUR)), "below 256"),
        (message(template(256, (*FOUR, (371, 65535))), a_set(256, TALK + b"\xff\xff\xff")), "runs past its set"),
        (b"\x00\x05" + bytes(70), "NetFlow version 5"),
    ],
    ids=["cut", "set too long", "fields past the set", "no octets", "reserved id", "field past the set", "NetFlow"],
)  # fmt: skip
def test_what_cant_be_read_is_said_with_its_place_and_the_rest_goes_on(octets: bytes, said: str) -> None:
    good = message(template(300, FOUR), a_set(300, TALK), domain=9)
    found = decoded(good, octets)
    assert len(found.flows) == 1
    assert any(said in one.reason and one.offset >= len(good) for one in found.rejected), found.rejected


def test_garbage_between_messages_is_passed_over() -> None:
    one = message(template(256, PLAIN), a_set(256, record()))
    found = decoded(one, b"\xde\xad\xbe\xef" * 9, one)
    assert len(found.flows) == 2
    assert len(found.rejected) == 1


MESSAGES = [
    message(template(256, PLAIN), options_template(257, 1, ((149, 4), (34, 4))), domain=3),
    message(a_set(257, struct.pack("!II", 1, 50)), a_set(256, record() * 4), domain=3),
    message(template(300, (*FOUR, (371, 65535))), a_set(300, (TALK + b"\x02hi") * 3)),
    message(a_set(256, record(ports=(1, 2))), domain=3, sequence=9),
]


def _outcome(parts: list[bytes]) -> Any:
    decoder, made, kept, lost = IpfixDecoder("a"), [], [], 0
    for number, part in enumerate(parts):
        found = decoder.feed(part, number == len(parts) - 1)
        assert found.read == len(found.flows) + sum(found.filtered.values())
        made += rows(found).tolist()
        kept += found.rejected
        lost += found.lost
    return sorted(made), kept, lost


@given(st.lists(st.integers(0, len(b"".join(MESSAGES))), max_size=12))
def test_any_cut_of_a_file_gives_the_same_flows(cuts: list[int]) -> None:
    whole = b"".join(MESSAGES)
    places = [0, *sorted(cuts), len(whole)]
    parts = [whole[a:b] for a, b in pairwise(places)]
    assert _outcome(parts) == _outcome([whole])


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_random_octets_do_no_harm(octets: bytes) -> None:
    _outcome([octets])


@settings(max_examples=500)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, 10**6),
)
def test_damaged_messages_do_no_harm(damage: list[tuple[int, int]], cut: int) -> None:
    octets = bytearray(b"".join(MESSAGES))
    for place, value in damage:
        octets[place % len(octets)] = value
    _outcome([bytes(octets[: cut % (len(octets) + 1)])])


def test_a_hostile_file_costs_linear_time() -> None:
    """Twice the octets, about twice the steps: counted in calls, not in seconds."""
    import cProfile
    import pstats

    def calls(size: int) -> int:
        profile = cProfile.Profile()
        profile.enable()
        IpfixDecoder("a").feed(b"\x00\x0a\x00\x11" * size, True)
        profile.disable()
        return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]

    assert calls(4_000) < 3 * calls(2_000)
