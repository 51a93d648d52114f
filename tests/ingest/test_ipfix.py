"""IPFIX as exporters really send it; what the decoder gets wrong here, an analyst never sees."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import numpy as np
import pytest

from ingest.ipfix_domains import REORDERED
from ingest.ipfix_sets import NO_ADDRESSES
from ingest.records import address_text
from tests.ingest.ipfix_messages import (
    EXPORTED_S,
    FOUR,
    PLAIN,
    START_MS,
    TALK,
    a_set,
    decoded,
    message,
    options_template,
    record,
    rows,
    template,
)


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
        (((156, 8), (157, 8)), struct.pack("!IIII", 2_208_988_810, 1 << 30, 2_208_988_811, 0), 10_250_000, 11_000_000),
        (((153, 8),), struct.pack("!Q", 5_000), 5_000_000, 5_000_000),
        (((158, 4), (159, 4)), struct.pack("!II", 3_000_000, 1_000_000), EXPORTED_S * 10**6 - 3_000_000, EXPORTED_S * 10**6 - 1_000_000),
        (((160, 8), (22, 4), (21, 4)), struct.pack("!QII", EXPORTED_S * 1000 - 9_000, 5_000, 6_000), EXPORTED_S * 10**6 - 4_000_000, EXPORTED_S * 10**6 - 3_000_000),
        ((), b"", EXPORTED_S * 10**6, EXPORTED_S * 10**6),
    ],
    ids=["seconds", "start and duration", "end and duration", "NTP microseconds", "NTP nanoseconds", "end alone", "deltas", "uptime and boot", "export time"],
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
    alone = flows.parts[0].take(np.array([0])).column("end_us")
    assert alone.tolist() == [(EXPORTED_S - 5) * 10**6] == flows.column("end_us")[:1].tolist()


def test_a_system_that_has_been_up_for_years_does_not_date_its_flows_back() -> None:
    """A time since the system started has 32 bits: it begins again every 49.7 days."""
    booted = options_template(257, 1, ((149, 4), (160, 8)))
    began = (EXPORTED_S - 7) * 1000 - 58 * (1 << 32)
    told = template(256, (*FOUR, (22, 4), (21, 4)))
    ups = a_set(256, TALK + struct.pack("!II", 1_000, 5_000))
    (row,) = rows(decoded(message(booted, a_set(257, struct.pack("!IQ", 1, began)), told, ups)))
    assert (row["start_us"] // 10**6, row["end_us"] // 10**6) == (EXPORTED_S - 6, EXPORTED_S - 2)


def test_flows_on_either_side_of_the_uptimes_new_beginning_stay_together() -> None:
    told = template(256, (*FOUR, (22, 4), (21, 4)))
    ups = (((1 << 32) - 9_000, (1 << 32) - 1_000), ((1 << 32) - 8_000, 0), (500, 900))
    found = rows(decoded(message(told, a_set(256, b"".join(TALK + struct.pack("!II", *up) for up in ups)))))
    for name in ("start_us", "end_us"):
        assert (abs(found[name] - EXPORTED_S * 10**6) <= 10 * 10**6).all(), found[name]


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


@pytest.mark.parametrize(
    ("fields", "values", "one_in"),
    [
        (((34, 4), (35, 1)), struct.pack("!IB", 512, 2), 512),
        (((305, 4), (306, 4)), struct.pack("!II", 1, 99), 100),
        (((309, 4), (310, 4)), struct.pack("!II", 2, 50), 25),
        (((50, 4),), struct.pack("!I", 7), 7),
        (((34, 4),), struct.pack("!I", 0), 0),
    ],
    ids=["interval", "packets and space", "size and population", "random", "none"],
)
@pytest.mark.parametrize("scopes", [1, 0])
def test_every_way_to_say_a_sampling_rate_is_read(
    fields: Any, values: bytes, one_in: int, scopes: int
) -> None:
    told = options_template(257, scopes, ((149, 4), *fields))
    rate = a_set(257, struct.pack("!I", 1) + values)
    found = decoded(message(told, rate, template(256, PLAIN), a_set(256, record())))
    assert (rows(found)["sampling"].tolist(), found.read) == ([one_in], 1)


def test_a_record_that_says_its_own_sampling_rate_is_believed() -> None:
    told = template(256, (*FOUR, (34, 4)))
    found = decoded(message(told, a_set(256, TALK + struct.pack("!I", 64) + TALK + struct.pack("!I", 0))))
    assert rows(found)["sampling"].tolist() == [64, 0]


def test_records_without_addresses_are_counted() -> None:
    found = decoded(message(template(256, ((1, 4), (2, 4))), a_set(256, bytes(24))))
    assert (found.read, len(found.flows), found.filtered) == (3, 0, {NO_ADDRESSES: 3})


def test_octets_that_pad_a_set_are_no_records() -> None:
    found = decoded(message(template(256, PLAIN), a_set(256, record() + bytes(3))))
    assert (found.read, found.rejected) == (1, [])
    assert decoded(message(template(256, PLAIN), a_set(256, bytes(3)))).read == 0


def test_tcp_flags_of_two_octets_are_not_all_flags() -> None:
    found = decoded(message(template(256, (*FOUR, (6, 2))), a_set(256, TALK + b"\x01\x18" + TALK + b"\0\2")))
    assert rows(found)["flags"].tolist() == [0x18, 0x02]


def test_each_flow_of_a_template_with_both_families_has_its_own_address() -> None:
    told = template(256, ((27, 16), (28, 16), *FOUR))
    six = ip_address("2001:db8::7").packed + ip_address("2001:db8::5").packed
    found = rows(decoded(message(told, a_set(256, bytes(32) + TALK + six + bytes(8) + TALK[8:]))))
    assert [address_text(row["src_hi"], row["src_lo"]) for row in found] == ["198.51.100.7", "2001:db8::7"]
    assert [address_text(row["dst_hi"], row["dst_lo"]) for row in found] == ["10.0.0.5", "2001:db8::5"]


def test_templates_belong_to_their_observation_domain() -> None:
    found = decoded(message(template(256, PLAIN)), message(a_set(256, record()), domain=2))
    assert len(found.flows) == 0
    assert "observation domain 2 came before its template" in found.rejected[0].reason


def test_data_before_its_template_waits_for_it() -> None:
    found = decoded(message(a_set(256, record())), message(template(256, PLAIN), sequence=1))
    assert (len(found.flows), found.rejected, found.read, found.lost) == (1, [], 1, 0)


def test_a_template_that_was_withdrawn_or_changed_is_not_used_any_more() -> None:
    gone = a_set(2, struct.pack("!HH", 256, 0))
    found = decoded(message(template(256, PLAIN), gone, a_set(256, record())))
    assert (len(found.flows), len(found.rejected)) == (0, 1)
    for every, kept in ((2, 0), (3, 1)):
        gone = a_set(every, struct.pack("!HH", every, 0))
        assert len(decoded(message(template(256, PLAIN), gone, a_set(256, record()))).flows) == kept
    changed = decoded(message(template(256, PLAIN), template(256, FOUR), a_set(256, TALK)))
    assert rows(changed)["dst_port"].tolist() == [22]


def _lost(*sequences: int) -> int:
    """What messages of one record each, with these sequence numbers, are said to have lost."""
    told = message(template(256, PLAIN), sequence=sequences[0])
    return decoded(told, *(message(a_set(256, record()), sequence=number) for number in sequences)).lost


def test_lost_records_are_counted_by_sequence_number() -> None:
    first = message(template(256, PLAIN), a_set(256, record() * 3), sequence=10)
    assert decoded(first, message(a_set(256, record()), sequence=18)).lost == 5
    assert _lost(0xFFFFFFFE, 0xFFFFFFFF, 3) == 3


def test_nothing_is_lost_that_came_in_another_order_or_after_a_restart() -> None:
    assert _lost(0, 2, 1, 3) == 0
    assert _lost(0, 3, 1, 4) == 1
    assert _lost(10 * REORDERED, 0, 1) == 0


def test_records_of_options_count_in_the_sequence_and_domains_apart() -> None:
    options = options_template(257, 1, ((149, 4), (34, 4)))
    first = message(options, a_set(257, bytes(16)), template(256, PLAIN), a_set(256, record()))
    elsewhere = message(template(256, PLAIN), domain=2, sequence=900)
    assert decoded(first, elsewhere, message(a_set(256, record()), sequence=3)).lost == 0


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
