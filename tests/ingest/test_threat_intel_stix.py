"""STIX 2.1: which addresses of a bundle become indicators, from when until when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingest.threat_intel_stix import pattern_values
from tests.ingest.feeds import C2, listed, read, us, values


def bundle(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"type": "bundle", "id": "bundle--1", "objects": list(objects)}


def indicator(pattern: str, id_: str = "indicator--1", **more: Any) -> dict[str, Any]:
    given = {"pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}
    return {"type": "indicator", "id": id_, "pattern": pattern, **given, **more}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '198.51.100.1']", ["198.51.100.1"]),
        ("[ ipv4-addr:value='198.51.100.0/24' ]", ["198.51.100.0/24"]),
        ("[ipv6-addr:value = '2001:db8::1'] OR [ipv4-addr:value = '198.51.100.1']", ["2001:db8::1", "198.51.100.1"]),
        ("[ipv4-addr:value IN ('198.51.100.1', '198.51.100.2')]", ["198.51.100.1", "198.51.100.2"]),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", ["198.51.100.0/24"]),
        ("[ipv4-addr:value = '198.51.100.1' OR domain-name:value = 'a.example']", ["198.51.100.1"]),
        ("([ipv4-addr:value = '198.51.100.1']) WITHIN 5 SECONDS", ["198.51.100.1"]),
        ("[ipv4-addr:value = '198.51.100.1'] REPEATS 5 TIMES", ["198.51.100.1"]),
        (
            "[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '198.51.100.1' AND network-traffic:dst_port = 443 AND network-traffic:protocols[*] = 'tcp']",
            ["198.51.100.1"],
        ),
        ("[(ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value = '198.51.100.2') AND network-traffic:dst_port = 1]", ["198.51.100.1", "198.51.100.2"]),
        ("[file:name = 'ipv4-addr']", []),
        ("[domain-name:resolves_to_refs[*].value = '198.51.100.1']", []),
        ("[url:value = 'http://198.51.100.1/']", []),
    ],
)  # fmt: skip
def test_addresses_that_alone_fulfil_a_pattern_are_taken(pattern: str, expected: list[str]) -> None:
    assert [value.text for value in pattern_values(pattern)] == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "[ipv4-addr:value = '198.51.100.1' AND file:name = 'svchost.exe']",
        "[ipv4-addr:value = '198.51.100.1'] AND [file:name = 'a']",
        "[ipv4-addr:value = '198.51.100.1'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.2']",
        "[ipv4-addr:value != '198.51.100.1']",
        "[ipv4-addr:value NOT = '198.51.100.1']",
        "[ipv4-addr:value NOT IN ('198.51.100.1')]",
        "[ipv4-addr:value LIKE '198.51.%']",
        "[ipv4-addr:value ISSUPERSET '198.51.100.1/32']",
        "[ipv4-addr:value = '198.51.100.1'",
        "ipv4-addr",
        "[ipv4-addr:value = '" + "1" * 300_000,
    ],
)
def test_a_pattern_in_which_an_address_is_only_part_of_the_story_is_refused(
    tmp_path: Path, pattern: str
) -> None:
    with pytest.raises(ValueError, match=r"asks for|no STIX pattern|longer"):
        pattern_values(pattern)
    good = indicator("[ipv4-addr:value = '198.51.100.9']", "indicator--2")
    indicators, rejected = read(tmp_path, bundle(indicator(pattern), good), C2)
    assert values(indicators) == ["198.51.100.9"]
    assert [(one.kind, one.offset) for one in rejected] == [("indicator", 1)]


def test_a_pattern_that_lists_a_thousand_addresses_is_read(tmp_path: Path) -> None:
    tests = " OR ".join(f"ipv4-addr:value = '198.51.{n >> 8}.{n & 255}'" for n in range(1000))
    for pattern in (
        f"[{tests}]",
        f"[{tests} OR file:name = 'a']",
        "[" + tests.replace(" OR ", "] OR [") + "]",
    ):
        indicators, rejected = read(tmp_path, bundle(indicator(pattern)), C2)
        assert (len(indicators), rejected) == (1000, [])


def test_a_pattern_nested_beyond_reason_is_refused(tmp_path: Path) -> None:
    pattern = "(" * 5000 + "[ipv4-addr:value = '198.51.100.1']" + ")" * 5000
    indicators, rejected = read(tmp_path, bundle(indicator(pattern)), C2)
    assert (len(indicators), len(rejected)) == (0, 1)


def test_an_indicator_holds_from_and_until_it_says_and_not_once_revoked(tmp_path: Path) -> None:
    content = bundle(
        indicator("[ipv4-addr:value = '198.51.100.1']", valid_until="2026-02-01T00:00:00Z"),
        indicator("[ipv4-addr:value = '198.51.100.2']", "indicator--2", modified="2026-01-02T00:00:00Z"),
        indicator("[ipv4-addr:value = '198.51.100.2']", "indicator--2", modified="2026-01-03T00:00:00Z", revoked=True),
        indicator("[ipv4-addr:value = '198.51.100.3'] START t'2026-03-01T00:00:00Z' STOP t'2026-04-01T00:00:00Z'", "indicator--3"),
        indicator("alert tcp any any", "indicator--4", pattern_type="snort"),
        indicator("[ipv4-addr:value = '198.51.100.5']", "indicator--5", indicator_types=["benign"]),
        indicator("[ipv4-addr:value = '198.51.100.6']", "indicator--6", valid_from="some day"),
        {"type": "ipv4-addr", "id": "ipv4-addr--9", "value": "198.51.100.9"},
    )  # fmt: skip
    indicators, rejected = read(tmp_path, content, C2)
    assert values(indicators) == ["198.51.100.1", "198.51.100.3"]
    times = [us("2025-12-31T23:59:59Z"), us("2026-01-01T00:00:00Z"), us("2026-02-01T00:00:00Z")]
    assert listed(indicators, ["198.51.100.1"] * 3, times, C2) == [False, True, False]
    assert [bool(indicators.lookup("198.51.100.3", us(f"2026-0{month}-15"))) for month in (2, 3, 4)] == [
        False,
        True,
        False,
    ]
    assert [one.offset for one in rejected] == [6, 7]


def test_observed_addresses_count_only_where_an_indicator_is_based_on_them(tmp_path: Path) -> None:
    observed = {"type": "observed-data", "id": "observed-data--1", "object_refs": ["ipv4-addr--1", "file--1"]}
    content = bundle(
        indicator("[file:name = 'a']"),
        observed,
        {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "198.51.100.1"},
        {"type": "ipv4-addr", "id": "ipv4-addr--2", "value": "198.51.100.2"},
        {"type": "file", "id": "file--1", "name": "a"},
        {"type": "relationship", "id": "relationship--1", "relationship_type": "based-on", "source_ref": "indicator--1", "target_ref": "observed-data--1"},
    )  # fmt: skip
    indicators, rejected = read(tmp_path, content, C2)
    assert (values(indicators), rejected) == (["198.51.100.1"], [])
    assert indicators.entries[0].start_us == us("2026-01-01")


def test_two_indicators_under_one_id_both_count(tmp_path: Path) -> None:
    both = [
        indicator(f"[ipv4-addr:value = '198.51.100.{n}']", modified="2026-01-02T00:00:00Z") for n in (1, 2)
    ]
    indicators, _ = read(tmp_path, bundle(*both), C2)
    assert values(indicators) == ["198.51.100.1", "198.51.100.2"]


@pytest.mark.parametrize(
    "objects",
    [[1, None, {"type": 3}], [{"type": "indicator"}], [{"type": "indicator", "pattern": {}, "id": []}]],
)
def test_a_malformed_bundle_does_not_stop_the_run(tmp_path: Path, objects: list[Any]) -> None:
    indicators, _ = read(tmp_path, {"objects": objects}, C2)
    assert len(indicators) == 0
