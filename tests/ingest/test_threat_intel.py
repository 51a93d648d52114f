"""Feeds of indicators: what is taken from them, what is refused, and how addresses are looked up."""

from __future__ import annotations

import gc
import json
import re
import weakref
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import ConfigurationError
from ingest.networks import ALWAYS_US, FOREVER_US, parse_network
from ingest.threat_intel import CATEGORIES, Entry, Feed, Indicator, Indicators
from ingest.threat_intel_feeds import LAST_SEEN_HOLDS_US, MAX_REJECTED
from tests.data import shared
from tests.ingest.feeds import C2, PROXY, TOR, listed, read, us, values

# Lists and CSV


def test_a_plain_list_is_read_whatever_its_comments_look_like(tmp_path: Path) -> None:
    text = (
        "# exits\r\n; more\r\n// and more\r\n\r\n198.51.100.1\r\n198.51.100.0/25 ; SBL123\r\n"
        "2001:db8:1::7   # comment\r\n198.51.100.2#close\r\n  198.51.100.3\t17\r\n[2001:db8:2::1]:443\r\n"
        "198.51.100.4:9001\r\n::ffff:198.51.100.5\r\n"
    )
    indicators, rejected = read(tmp_path, b"\xef\xbb\xbf" + text.encode())
    assert rejected == []
    assert len(indicators) == 8
    assert indicators.counts == {"feed": 8}
    assert indicators.lookup("198.51.100.1", 0) == (
        Indicator("198.51.100.0/25", TOR, "feed"),
        Indicator("198.51.100.1", TOR, "feed"),
    )
    asked = ["198.51.100.5", "2001:db8:2::1", "198.51.100.4", "198.51.100.129", "2001:db8:1::8"]
    assert listed(indicators, asked, 0, TOR) == [True, True, True, False, False]
    assert indicators.categories("2001:db8:1::7", 0) == (TOR,)
    assert indicators.categories("2001:db8:1::8", 0) == indicators.categories("", 0) == ()


def test_the_tor_projects_own_format_is_read(tmp_path: Path) -> None:
    text = "ExitNode 0011BD\nPublished 2026-08-01 10:00:00\nLastStatus 2026-08-01 11:00:00\nExitAddress 198.51.100.9 2026-08-01 11:05:00\n"
    indicators, rejected = read(tmp_path, text)
    assert (values(indicators), rejected) == (["198.51.100.9"], [])


def test_a_feed_in_utf16_is_read(tmp_path: Path) -> None:
    indicators, rejected = read(tmp_path, "198.51.100.1\n198.51.100.2\n".encode("utf-16"))
    assert (len(indicators), rejected) == (2, [])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("example.com", "is no address"),
        ("198.51.100.300", "is no address"),
        ("10.1.2.3", "private"),
        ("127.0.0.1", "private"),
        ("239.1.1.1", "private"),
        ("255.255.255.255", "private"),
        ("fe80::1", "private"),
        ("::5", "private"),
        ("0.0.0.0/0", "wider than"),
        ("::/0", "is no address"),
        ("198.0.0.0/7", "wider than"),
        ("172.0.0.0/8", "private"),
        ("8.8.8.8", "shared infrastructure"),
        ("1.1.1.0/24", "shared infrastructure"),
        ("168.63.129.16", "shared infrastructure"),
        ("2606:4700:4700::1111", "shared infrastructure"),
    ],
)
def test_what_would_condemn_innocent_machines_is_refused_with_its_line(
    tmp_path: Path, line: str, told: str
) -> None:
    indicators, rejected = read(tmp_path, f"198.51.100.1\n\n{line}\n198.51.100.2\n", C2)
    assert values(indicators) == ["198.51.100.1", "198.51.100.2"]
    assert [(one.kind, one.offset, one.source) for one in rejected] == [
        ("indicator", 3, str(tmp_path / "feed"))
    ]
    assert told in rejected[0].reason


def test_a_resolver_may_be_a_proxy_but_no_command_and_control(tmp_path: Path) -> None:
    indicators, rejected = read(tmp_path, "8.8.8.8\n", PROXY)
    assert (len(indicators), rejected) == (1, [])


def test_a_csv_file_is_read_by_its_content(tmp_path: Path) -> None:
    text = (
        '"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"\n'
        '"2026-01-04 16:12:11","198.51.100.7","443","offline","2026-02-01","Heodo, new"\n'
        '"2026-03-04 16:12:11 UTC","2001:db8::7","443","online","","x"\n'
    )
    indicators, rejected = read(tmp_path, "# Feodo\n" + text, C2)
    assert rejected == []
    begin, end = us("2026-01-04T16:12:11Z"), us("2026-02-01T00:00:00Z") + LAST_SEEN_HOLDS_US
    times = [begin - 1, begin, end - 1, end]
    assert listed(indicators, ["198.51.100.7"] * 4, times, C2) == [False, True, True, False]
    assert [bool(indicators.lookup("198.51.100.7", at)) for at in times] == [False, True, True, False]
    assert listed(indicators, ["2001:db8::7"], FOREVER_US - 1, C2) == [True]


def test_a_commented_header_and_lines_about_other_things_are_understood(tmp_path: Path) -> None:
    text = (
        '# "first_seen_utc","ioc_id","ioc_value","ioc_type"\n'
        '"2026-03-01 00:00:00", "1", "bad.example.com", "domain"\n'
        '"2026-03-01 00:00:00", "2", "198.51.100.7:8080", "ip:port"\n'
    )
    indicators, rejected = read(tmp_path, text, C2)
    assert (values(indicators), rejected) == (["198.51.100.7:8080"], [])
    assert not indicators.lookup("198.51.100.7", us("2026-02-28T23:59:59Z"))


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ", "])
def test_columns_may_be_separated_by_anything_usual(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["port", "address", "valid_from", "valid_until"],
        ["9001", "198.51.100.7", "2026-01-01", "2026-02-01"],
    ]
    indicators, rejected = read(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert rejected == []
    times = [us("2025-12-31"), us("2026-01-01"), us("2026-02-01")]
    assert listed(indicators, ["198.51.100.7"] * 3, times, TOR) == [False, True, False]


def test_of_two_address_columns_the_one_named_as_the_indicator_counts(tmp_path: Path) -> None:
    text = "reporter,ip\n198.51.100.1,198.51.100.2\n198.51.100.1,198.51.100.3\n"
    indicators, _ = read(tmp_path, text)
    assert values(indicators) == ["198.51.100.2", "198.51.100.3"]


def test_a_wrong_time_in_a_line_is_said(tmp_path: Path) -> None:
    text = "ip,valid_until\n198.51.100.2,soon\n198.51.100.3,2026-01-01\n"
    indicators, rejected = read(tmp_path, text)
    assert values(indicators) == ["198.51.100.3"]
    assert (rejected[0].offset, "valid_until" in rejected[0].reason) == (2, True)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# nothing\n",
        "name,port\nx,1\ny,2\n",
        "{",
        '{"a": 1}',
        "[1, 2]",
        "[" * 100_000,
        "<html>\n<body>",
        "\0\1\2",
        "[]",
    ],
)
def test_a_file_that_holds_no_indicators_is_said_and_does_not_stop_the_run(
    tmp_path: Path, content: str
) -> None:
    indicators, rejected = read(tmp_path, content)
    assert len(indicators) == 0
    assert rejected
    assert all(one.kind == "indicator" and one.reason for one in rejected)
    assert listed(indicators, ["198.51.100.2"], 0, TOR) == [False]


def test_thousands_of_bad_lines_are_counted_and_not_all_kept(tmp_path: Path) -> None:
    _, rejected = read(tmp_path, "198.51.100.1\n" + "nonsense\n" * (MAX_REJECTED + 500))
    assert len(rejected) == MAX_REJECTED + 1
    assert rejected[-1].reason == "500 more entries were refused"


def test_a_feed_that_is_not_there_stops_the_run_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no-feed: the feed can't be read"):
        Indicators.read([Feed(str(tmp_path / "no-feed"), TOR)])
    (tmp_path / "feed").touch()
    with pytest.raises(ConfigurationError, match="no such category: 'botnet'"):
        Indicators.read([Feed(str(tmp_path / "feed"), "botnet")])


# MISP


def test_addresses_of_a_misp_event_are_taken_where_they_are_meant_for_detection(tmp_path: Path) -> None:
    def attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "value": value, "to_ids": True, **more}

    event = {
        "info": "x",
        "Attribute": [
            attribute("ip-dst", "198.51.100.1", first_seen="2026-01-01T00:00:00+00:00"),
            attribute("ip-src", "198.51.100.2", to_ids=False),
            attribute("ip-dst|port", "198.51.100.3|443"),
            attribute("domain", "a.example"),
            attribute("ip-src", "10.0.0.1"),
            attribute("ip-src", "198.51.100.4", deleted=True),
            attribute("ip-src", "198.51.100.8", last_seen="2026-01-01T00:00:00.000000+00:00"),
        ],
        "Object": [{"name": "ip-port", "Attribute": [attribute("ip-dst", "2001:db8::5", to_ids="1")]}],
    }
    expected = ["198.51.100.1", "198.51.100.3", "198.51.100.8", "2001:db8::5"]
    shapes: list[Any] = [
        {"Event": event},
        {"response": [{"Event": event}]},
        {"response": {"Event": event}},
        [{"Event": event}],
    ]
    for content in shapes:
        indicators, rejected = read(tmp_path, content, C2)
        assert values(indicators) == expected
        assert ["private" in one.reason for one in rejected] == [True]
        assert not indicators.lookup("198.51.100.1", us("2025-12-31"))
        assert not indicators.lookup("198.51.100.8", us("2026-02-01"))
    indicators, _ = read(tmp_path, {"response": {"Attribute": event["Attribute"]}}, C2)
    assert values(indicators) == expected[:3]


# Look-up

WORDS = st.sampled_from(
    "type id pattern valid_from modified object_refs objects source_ref target_ref relationship_type Attribute "  # noqa: SIM905
    "Object value to_ids first_seen deleted indicator ip-dst based-on observed-data revoked".split()
)
PUBLIC = st.integers(int(IPv4Address("11.0.0.0")), int(IPv4Address("99.255.255.255"))).map(IPv4Address)
NEAR = st.sampled_from(
    [
        "198.51.100.0",
        "198.51.100.1",
        "198.51.100.255",
        "198.51.101.0",
        "2001:db8::",
        "2001:db8::1",
        "2001:db9::",
    ]
)
NETWORKS = st.builds(
    lambda address, bits: str(
        ip_network(f"{address}/{min(bits, ip_address(address).max_prefixlen)}", strict=False)
    ),
    NEAR | PUBLIC.map(str),
    st.sampled_from([16, 24, 25, 31, 32, 32, 64, 127, 128]),
)
ENTRIES = st.lists(
    st.tuples(NETWORKS, st.sampled_from(CATEGORIES), st.sampled_from([ALWAYS_US, 3, 5]), st.sampled_from([FOREVER_US, 6, 8])),
    max_size=20,
)  # fmt: skip


@given(ENTRIES, st.lists(st.tuples(NEAR | PUBLIC.map(str), st.integers(0, 9)), min_size=1, max_size=15))
@settings(deadline=None)
def test_any_feed_lists_the_addresses_that_its_lines_say(
    rows: list[tuple[str, str, int, int]], asked: list[tuple[str, int]]
) -> None:
    entries = [Entry(Indicator(n, c, "f"), parse_network(n), start, end) for n, c, start, end in rows]
    indicators = Indicators(entries)

    def expected(address: str, at: int) -> set[tuple[str, str, str]]:
        return {
            (network, category, "f")
            for network, category, start, end in rows
            if ip_address(address) in ip_network(network) and start <= at < end
        }

    for address, at in asked:
        assert set(indicators.lookup(address, at)) == expected(address, at)
        assert set(indicators.categories(address, at)) == {
            category for _, category, _ in expected(address, at)
        }
    for category in CATEGORIES:
        found = listed(indicators, [address for address, _ in asked], [at for _, at in asked], category)
        assert found == [any(one[1] == category for one in expected(*pair)) for pair in asked]


def test_a_version_that_has_had_its_time_is_gone_at_once() -> None:
    """A server reads its feeds again every hour, each 16 MB and more, and what lives long is kept out of the collector."""
    gc.disable()
    try:
        network = parse_network("198.51.100.7")
        indicators = Indicators([Entry(Indicator("198.51.100.7", TOR, "tor"), network, 0, FOREVER_US)])
        assert indicators.categories("198.51.100.7", 0) == (TOR,)
        gone = weakref.ref(indicators)
        del indicators
        assert gone() is None
    finally:
        gc.enable()


def test_a_category_that_nobody_lists_is_empty() -> None:
    assert listed(Indicators(), ["198.51.100.1", "2001:db8::1"], 0, C2) == [False, False]


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(deadline=None)
def test_no_bytes_in_a_feed_can_stop_the_run(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    read(tmp_path_factory.getbasetemp(), content, C2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("198.51.100.1"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
)


@given(JSON)
@settings(deadline=None)
def test_no_json_in_a_feed_can_stop_the_run(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    for shape in (
        {"objects": content},
        {"objects": [content]},
        {"Event": content},
        {"response": content},
        content,
    ):
        read(tmp_path_factory.getbasetemp(), json.dumps(shape), C2)


# Real feeds


@pytest.mark.parametrize(
    ("name", "category", "count", "one"),
    [
        ("tor_exits_2024-02.txt", TOR, 1746, "101.99.92.179"),
        ("tor_exits_2026-08.csv", TOR, 2277, "2620:7:6003::141"),
        ("vpn_ipv4_2026-08.txt", PROXY, 10862, "2.26.157.9"),
        ("datacenter_ipv4_2026-08.txt", PROXY, 42566, "1.12.0.9"),
    ],
)
def test_real_lists_are_read_whole(name: str, category: str, count: int, one: str) -> None:
    path = shared("threat_intel", name)
    indicators, rejected = Indicators.read([Feed(str(path), category)])
    assert rejected == []
    assert len(indicators) == count
    assert count == len(
        set(re.findall(r"(?:^|, )([0-9a-f]+[.:][0-9a-f.:/]+)", path.read_text(), re.MULTILINE))
    )
    assert indicators.lookup(one, 0)[0].feed == name
    assert listed(indicators, [one, "203.0.113.1"], 0, category) == [True, False]


def test_every_address_of_the_real_stix_reports_is_taken() -> None:
    paths = sorted(shared("threat_intel", "stix").glob("*.json"))
    indicators, rejected = Indicators.read([Feed(str(path), C2) for path in paths])
    assert len(paths) == 12
    assert rejected == []
    written = re.findall(r"ipv4-addr:value = '([0-9.]+)'", "".join(path.read_text() for path in paths))
    assert values(indicators) == sorted(set(written))
    assert set(indicators.counts) == {path.name for path in paths}
    at = us("2026-03-01")
    assert all(listed(indicators, written, at, C2))
