"""One thing that shows at many vaults is one thing: an analyst hears it once at its weight, and each part one step lower."""

from __future__ import annotations

import pytest

from actors.messages import Found
from actors.wholes import Raised, parts_of_wholes
from detections.declare import Finding, Verdict

WHOLE, PART = "key_vault.high_vault_access_volume", "key_vault.unusual_application"


def raised(type_: str, entity: str, *principals: str, chance: float | None = 0.01) -> Raised:
    finding = Finding(
        evidence={}, first_us=0, last_us=0, count=1, principals=principals, improbability=chance
    )
    kind = "principal" if type_ == WHOLE else "vault"
    return Found(type_, kind, entity, 5, finding), Verdict(against=("before",))


def steps(*some: Raised, shadow: frozenset[str] = frozenset()) -> list[int]:
    return [verdict.steps for _, verdict in parts_of_wholes(some, shadow)]


def test_each_vault_of_one_principals_tour_is_one_step_lower_and_says_why() -> None:
    tour = [raised(WHOLE, "App-1", "app-1"), *(raised(PART, f"/v{n}", "APP-1") for n in range(3))]
    assert steps(*tour) == [0, -1, -1, -1]
    said = parts_of_wholes(tour)[1][1].against
    assert said[0] == "before"
    assert "tells the whole of it" in said[1]


@pytest.mark.parametrize("principals", [(), ("other",), ("app-1", "other")])
def test_what_is_not_wholly_part_of_it_keeps_its_weight(principals: tuple[str, ...]) -> None:
    assert steps(raised(WHOLE, "app-1", "app-1"), raised(PART, "/v", *principals)) == [0, 0]


def test_what_is_only_recorded_tells_nobody_the_whole() -> None:
    tour = [raised(WHOLE, "app-1", "app-1"), raised(PART, "/v", "app-1")]
    assert steps(*tour, shadow=frozenset({WHOLE})) == [0, 0]


def test_where_no_alert_tells_the_whole_the_most_improbable_part_tells_of_the_others() -> None:
    """Where many go through all vaults now and then, one more who does is no alert by himself; what he is new at is."""
    tour = [raised(PART, f"/v{n}", "app-1", chance=0.01 if n == 2 else 0.02) for n in range(4)]
    tour[1][0].type = "key_vault.unusual_user"
    assert steps(*tour) == [-1, -1, 0, -1]
    told = parts_of_wholes(tour)
    assert told[2][1].evidence["new_in_this_hour_at"] == ["/v0", "/v1", "/v2", "/v3"]
    assert told[0][1].against[-1] == (
        "one of 4 at which it is new in this hour: the alert on /v2 tells of all"
    )
    assert parts_of_wholes(tour[::-1])[::-1] == told, "whatever order they come in"


def test_two_are_not_many_and_others_are_others() -> None:
    assert steps(*(raised(PART, f"/v{n}", "app-1") for n in range(2))) == [0, 0]
    assert steps(*(raised(PART, f"/v{n}", f"app-{n}") for n in range(5))) == [0] * 5


def test_another_type_is_no_part() -> None:
    assert steps(raised(WHOLE, "app-1", "app-1"), raised("key_vault.tor_access", "/v", "app-1")) == [0, 0]
