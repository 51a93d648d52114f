"""Who travels, and where people of several countries meet, from the tables of who used what."""

from __future__ import annotations

from actors.gatherings import arrivals, passing, travellers

NOW = 10_000
VPN, OFFICE, HOME = "vpn", "office", "home"
COUNTRY = {VPN: "NL", OFFICE: "DE", HOME: "DE", "pune": "IN", "delhi": "IN"}


def used(*names: str, first: int = NOW - 500, last: int = NOW - 1) -> dict[str, list[int]]:
    return {name: [first, last, last - 1] for name in names}


GERMANS, INDIANS = ("d1", "d2", "d3", "d4"), ("i1", "i2", "i3")
EVERYBODY = (*GERMANS, *INDIANS)


def people_at(address: str, **more: dict[str, list[int]]) -> tuple[int, int]:
    addresses = {
        VPN: used(*EVERYBODY),
        OFFICE: used(*GERMANS),
        HOME: used("d1", "d2", "d3"),
        "pune": used(*INDIANS),
    }
    countries = {"NL": used(*EVERYBODY), "DE": used(*GERMANS), "IN": used(*INDIANS)}
    known = addresses | more
    return passing(set(known[address]), known, countries, address, lambda one: COUNTRY.get(one, ""))


def test_people_of_two_countries_meet_at_a_way_out_and_at_no_office() -> None:
    assert people_at(VPN) == (7, 2)
    # An office: most are at home in its country too; who comes to it through a VPN alone is not of several countries.
    assert people_at(OFFICE) == (0, 0)
    assert people_at(OFFICE, home=used("i1"))[1] == 1


def test_the_ways_out_of_one_vpn_are_counted_together() -> None:
    """Else a firm whose people are spread over its exits has a false alert for each who goes by one from a hotel."""
    second, cloud = used("d5", "d6", "i4", "i5"), used("a1", "a2", "a3")
    COUNTRY.update({"second": "NL", "cloud": "NL"})
    known = {
        VPN: used("d1", "d2", "d3", "i1"),
        "second": second,
        "cloud": cloud,
        HOME: used("d1", "d2", "d3", "d5", "d6"),
        "pune": used("i1", "i4", "i5"),
    }
    countries = {
        "NL": used(*known[VPN], *second, *cloud),
        "DE": used(*known[HOME]),
        "IN": used(*known["pune"]),
    }

    def at(address: str) -> tuple[int, int]:
        return passing(set(known[address]), known, countries, address, lambda one: COUNTRY.get(one, ""))

    assert at(VPN) == at("second") == (8, 2)
    assert at("cloud") == (0, 0), "applications, which are nowhere else, go through nothing"
    assert at(HOME)[1] == at("pune")[1] == 1, "who works at home is seen at the exit too, and nowhere else"


def test_an_office_whose_people_travel_is_no_way_out() -> None:
    known = {VPN: used(*GERMANS), OFFICE: used(*GERMANS), "pune": used("d1", "d2", "d3")}
    countries = {"NL": used(*GERMANS), "DE": used(*GERMANS), "IN": used("d1", "d2", "d3")}
    assert passing(set(GERMANS), known, countries, OFFICE, lambda one: COUNTRY.get(one, "")) == (4, 0)


def test_whoever_is_elsewhere_in_its_country_too_lives_there() -> None:
    COUNTRY["hotel"] = "NL"
    assert people_at(VPN, hotel=used("d1", "d2", "d3", "d4", "i1", "i2")) == (0, 0)
    assert people_at(VPN, hotel=used("d1")) == (6, 2)
    assert people_at(VPN, hotel=used("d1", "d2")) == (5, 1)  # two Germans are not several


def test_who_came_from_nowhere_that_is_known_meets_nobody() -> None:
    assert passing({"d1"}, {"x": used("d1")}, {}, "x", lambda one: "") == (0, 0)


def test_a_traveller_was_away_for_days_and_at_home_before_and_since() -> None:
    home, away = NOW - 600, NOW - 200
    people = [f"p{n}" for n in range(9)]
    everybody = used(*people, first=home)

    def others(**trips: dict[str, list[int]]) -> int:
        return travellers([everybody, *trips.values()], "p0", NOW)

    assert others(fr=used("p1", "p2", first=away, last=away + 48)) == 2
    assert (
        others(fr=used("p1", first=away, last=away + 48), es=used("p1", first=away + 60, last=away + 80)) == 1
    )
    assert others(fr=used("p0", first=away, last=away + 48)) == 0, "the one whom the alert is about"
    assert others(fr=used("p1", first=away, last=NOW)) == 0, "not back yet"
    assert others(fr=used("p1", first=home, last=NOW - 30)) == 0, "lives there"
    assert others(fr=used(*people[1:7], first=away, last=away + 48)) == 0, "where most are is a VPN's exit"


def test_an_application_arrives_on_the_days_after_its_first() -> None:
    days = [[24 * day, NOW, -1] for day in (400, 400, 403, 410)]
    assert arrivals(days, NOW) == (2, (NOW - 9600) / 24)
    assert arrivals([], NOW) == (0, 0.0)
    assert arrivals([[NOW - 3, NOW, -1]], NOW) == (0, 0.0)
