"""What an event gains from its caller's address."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
import pytest

from ingest.enrich import Enrichment, EnrichmentSettings
from ingest.errors import ConfigurationError
from ingest.records import MANAGEMENT, SUCCESS, Event
from ingest.threat_intel import Feed
from ingest.times import epoch_us
from tests.ingest.mmdb import write


def us(text: str) -> int:
    """RFC 3339 as microseconds."""
    found = epoch_us(text)
    assert found is not None
    return found


def event(address: str, at: str = "2026-03-01T10:00:00Z") -> Event:
    return Event(at_us=us(at), layer=MANAGEMENT, operation="x/write", outcome=SUCCESS, address=address, uid=7)


@pytest.fixture
def settings(tmp_path: Path) -> EnrichmentSettings:
    (tmp_path / "inventory.csv").write_text("ip,resource_id,start,end\n13.70.0.10,vm,,\nnonsense,vm,,\n")
    (tmp_path / "tor.csv").write_text("ip,valid_until\n198.51.100.7,2026-04-01\n203.0.113.7,\n10.0.0.1,\n")
    (tmp_path / "proxy.txt").write_text("198.51.100.0/24\n")
    record = {"country_code": "DE", "latitude": 50.5, "longitude": 8.25}
    return EnrichmentSettings(
        inventory=tmp_path / "inventory.csv",
        networks=("10.0.0.0/8",),
        feeds=(
            Feed(str(tmp_path / "tor.csv"), "tor_exit_node"),
            Feed(str(tmp_path / "proxy.txt"), "anonymous_proxy"),
        ),
        database=write(tmp_path / "city.mmdb", {"198.51.100.0/24": record}),
    )


def test_an_event_says_where_its_caller_is_and_on_which_lists(settings: EnrichmentSettings) -> None:
    enrichment, _ = Enrichment.build(settings)
    bare = event("198.51.100.7")
    full = enrichment.event(bare)
    assert (full.country, full.latitude, full.longitude) == ("DE", 50.5, 8.25)
    assert full.listed == ("anonymous_proxy", "tor_exit_node")
    back = msgspec.structs.replace(full, country="", latitude=None, longitude=None, listed=())
    assert back == bare  # nothing else was changed


def test_a_list_counts_at_the_events_time_and_not_at_another(settings: EnrichmentSettings) -> None:
    enrichment, _ = Enrichment.build(settings)
    times = ["2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z", "2026-03-31T23:59:59Z"]
    found = [enrichment.event(event("198.51.100.7", at)).listed for at in times]
    assert found == [
        ("anonymous_proxy", "tor_exit_node"),
        ("anonymous_proxy",),
        ("anonymous_proxy", "tor_exit_node"),
    ]


def test_an_address_on_a_list_needs_no_known_place(settings: EnrichmentSettings) -> None:
    found = Enrichment.build(settings)[0].event(event("203.0.113.7"))
    assert (found.country, found.latitude, found.listed) == ("", None, ("tor_exit_node",))


@pytest.mark.parametrize("address", ["", "192.0.2.1", "10.0.0.1", "no address", "2001:db8::1"])
def test_an_event_of_which_nothing_is_known_stays_as_it_is(
    settings: EnrichmentSettings, address: str
) -> None:
    bare = event(address)
    assert Enrichment.build(settings)[0].event(bare) is bare


def test_what_is_refused_of_all_files_comes_out_together(settings: EnrichmentSettings) -> None:
    _, rejected = Enrichment.build(settings)
    assert [(one.kind, one.offset) for one in rejected] == [("inventory", 3), ("indicator", 4)]


def test_another_process_builds_the_same_from_the_settings(settings: EnrichmentSettings) -> None:
    travelled = pickle.loads(pickle.dumps(settings))
    assert travelled == settings
    one, other = Enrichment.build(settings)[0], Enrichment.build(travelled)[0]
    assert one.event(event("198.51.100.7")) == other.event(event("198.51.100.7"))


def test_nothing_needs_to_be_configured() -> None:
    enrichment, rejected = Enrichment.build(EnrichmentSettings())
    assert rejected == []
    assert enrichment.event(event("81.2.69.142")).country == "GB"
    assert len(enrichment.inventory.ids) == 0


def test_a_file_that_has_gone_is_said_in_one_line(settings: EnrichmentSettings) -> None:
    assert settings.inventory is not None
    settings.inventory.unlink()
    with pytest.raises(
        ConfigurationError, match=r"inventory\.csv: the inventory can't be read: No such file"
    ):
        Enrichment.build(settings)
