"""What others in the organisation do is said against an alert: the address, else its network, else its country."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.messages import Found
from actors.organisation import OrganisationView
from actors.settings import Settings
from actors.verdicts import Verdicts
from detections.declare import Finding
from detections.doubts import doubts
from ingest.enrich import Enrichment
from ingest.errors import ConfigurationError
from ingest.systems import System, Systems
from tests.actors.running import TOR, enrichment
from tests.ingest.mmdb import write

HOUR = 490_000
HOME, NEAR, ABROAD = "91.1.2.3", "91.1.2.200", "198.51.100.9"


@pytest.fixture
def organisation(tmp_path: Path) -> OrganisationView:
    """Four people who act from one address; the network of it is known, and so is one other."""
    path = tmp_path / "asn.mmdb"
    dtag = {"autonomous_system_number": 3320, "autonomous_system_organization": "Deutsche Telekom AG"}
    write(path, {"91.1.2.0/24": dtag, "185.220.101.0/24": dtag}, kind="GeoLite2-ASN")
    lists = enrichment()
    view = OrganisationView(
        Enrichment(lists.inventory, lists.indicators, lists.geography, Systems.open(path))
    )
    facts = [
        (kind, key, f"p{number}", 0, None)
        for number in range(4)
        for kind, key in (("address", HOME), ("country", "DE"))
    ]
    view.close(HOUR, list(facts))
    view.hour = HOUR + 48
    return view


def finding(*addresses: str, **more: Any) -> Finding:
    return Finding(evidence={}, first_us=0, last_us=0, count=1, addresses=addresses, **more)


def test_the_narrowest_that_others_use_is_said(organisation: OrganisationView) -> None:
    assert doubts(finding(HOME), organisation) == (
        f"4 others in the organisation used {HOME} in the last 30 days",
    )
    assert doubts(finding(NEAR), organisation) == (
        f"4 others in the organisation used the network of {NEAR}, AS3320 (Deutsche Telekom AG) in the last 30 days",
    )
    german = next(one for one in ("80.128.0.7", "84.128.1.1") if organisation.country_of(one) == "DE")
    assert doubts(finding(german, german), organisation) == (
        "4 others in the organisation acted from DE in the last 30 days",
    )
    assert doubts(finding(ABROAD), organisation) == ()


def test_whoever_it_is_about_is_no_other_and_a_listed_address_has_no_doubt(
    organisation: OrganisationView,
) -> None:
    assert "3 others" in doubts(finding(HOME, principals=("P1",)), organisation)[0]
    assert doubts(finding(TOR), organisation) == ()


def test_it_is_told_with_the_alert_and_changes_no_severity(organisation: OrganisationView) -> None:
    judge = Verdicts(Settings(), organisation, lambda *kept: None, lambda faults: None)
    for kind, type_, said in (
        ("principal", "management.powershell", 1),
        ("vault", "key_vault.list_and_query", 1),  # it asks for the address itself: said once
        ("principal", "management.anonymous_ip", 0),
    ):
        one = Found(type_, kind, "e", HOUR + 48, finding(NEAR if said else ABROAD, principals=("x",)))
        verdict = judge.of(one)
        assert verdict is not None
        assert (len(verdict.against), verdict.steps) == (said, 0)


def test_networks_are_known_after_a_restart_too(organisation: OrganisationView) -> None:
    other = OrganisationView(organisation.enrichment)
    organisation.mark()
    other.load(organisation.changes())
    assert other.users_of_system("AS3320") == 4


# The database


def test_the_usual_schemas_are_read_and_what_is_none_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "asn.mmdb"
    entries = {
        "192.0.2.0/24": {"asn": "AS64500", "as_name": "Example"},
        "198.51.100.0/24": {"autonomous_system_number": 64501},
        "203.0.113.0/24": {"asn": "none"},
    }
    write(path, entries, kind="ipinfo_asn")
    systems = Systems.open(path)
    assert systems.of("192.0.2.9") == System("AS64500", "Example")
    assert systems.of("198.51.100.9") == System("AS64501", "")
    assert [systems.of(one) for one in ("203.0.113.9", "8.8.8.8", "not one", "2001:db8::1")] == [System()] * 4
    assert Systems.open(None).of("192.0.2.9") == System()


@pytest.mark.parametrize("wrong", ["country", "damaged", "missing"])
def test_a_database_that_is_of_no_use_is_refused(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "x.mmdb"
    if wrong == "country":
        write(path, {"192.0.2.0/24": {"country_code": "DE"}}, kind="GeoIP2-Country")
    elif wrong == "damaged":
        path.write_bytes(b"none")
    with pytest.raises(ConfigurationError, match=r"x\.mmdb: "):
        Systems.open(path)


def test_a_database_that_is_damaged_further_on_is_told_of_once_and_counted() -> None:
    """Else the doubts that rest on it are gone, and nobody knows."""

    class Reader:
        def get(self, address: str) -> Any:
            raise ValueError("invalid data at 1234\nand more")

    systems = Systems(Reader(), Path("asn.mmdb"))
    assert [systems.of(one) for one in ("192.0.2.1", "192.0.2.2", "192.0.2.1", "no address")] == [
        System()
    ] * 4
    assert systems.failed == 2
    assert systems.fault == "asn.mmdb: is damaged: 192.0.2.1 can't be looked up: invalid data at 1234"
