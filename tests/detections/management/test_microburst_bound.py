"""MicroBurst's marks are looked for in quarters of an hour only where all acts together have enough of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from baselines.novelty import Novelty
from detections.management.actions import SECRET_REVEALING
from detections.management.microburst_marks import HABITS, READING, points_of, signs_of
from detections.view import Hour
from ingest.records import HOUR_US
from tests.actors.making import acts_of
from tests.detections.management.happenings import breadth, commands, profiles, runbook, storage, vault_steps
from tests.detections.management.office import POWERSHELL, START_H

NOW = 24
_habits = st.dictionaries(
    st.sampled_from([*(f"breadth {n}" for n in range(3, 13)), "many accounts", "many machines"]),
    st.integers(1, 8),
)
_kinds = st.integers(0, len(SECRET_REVEALING) - 2)


def _acts(kinds: int, accounts: int, machines: int, shell: bool) -> list[Any]:
    told = {"application": POWERSHELL} if shell else {}
    events = breadth(kinds, NOW, gap=0.5) + storage(accounts, NOW, **told) + commands(machines, NOW)
    events += runbook((NOW, 3), (NOW, 7)) + vault_steps("policy", "SecretList", "policy") + profiles(2)
    return list(acts_of(events, "principal"))


def _hour(habits: dict[str, int]) -> Hour:
    model = Novelty()
    for key, hours in habits.items():
        for hour in range(hours):
            model.learn_one({"key": key, "hour": START_H + hour})
    at = (START_H + NOW) * HOUR_US
    return Hour("principal", "eva", at, at - 30 * 24 * HOUR_US, 1000, {HABITS: model})


@given(
    kinds=_kinds,
    accounts=st.integers(0, 8),
    machines=st.integers(0, 9),
    shell=st.booleans(),
    habits=_habits,
    data=st.data(),
)
def test_no_part_of_an_hour_has_more_points_than_all_of_it(
    kinds: int, accounts: int, machines: int, shell: bool, habits: dict[str, int], data: st.DataObject
) -> None:
    """Else the alert of a quarter of an hour would be lost when the whole is found to be too little."""
    hour, acts = _hour(habits), _acts(kinds, accounts, machines, shell)
    part = data.draw(st.lists(st.sampled_from(acts), unique_by=id))
    assert points_of(signs_of(hour, part)) <= points_of(signs_of(hour, acts))


def test_what_the_bound_lets_through_is_the_least_that_is_told() -> None:
    """A low alert takes as many points as the bound asks for."""
    hour, acts = _hour({}), acts_of(storage(5, NOW, application=POWERSHELL), "principal")
    assert points_of(signs_of(hour, acts)) == READING
