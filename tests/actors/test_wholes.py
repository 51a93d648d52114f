"""One thing that shows at many vaults is one thing: an analyst hears it once at its weight, and each part one step lower."""

from __future__ import annotations

import pytest

from actors.messages import Found
from actors.wholes import Raised, parts_of_wholes
from detections.declare import Finding, Verdict

WHOLE, PART = "key_vault.high_vault_access_volume", "key_vault.unusual_application"


def raised(type_: str, entity: str, *principals: str) -> Raised:
    finding = Finding(evidence={}, first_us=0, last_us=0, count=1, principals=principals)
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


def test_another_type_is_no_part() -> None:
    assert steps(raised(WHOLE, "app-1", "app-1"), raised("key_vault.tor_access", "/v", "app-1")) == [0, 0]
