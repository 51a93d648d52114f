"""Attacks come when their course says, by the same hand on the same victims; changes are benign and look like attacks."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from simulation import simulate
from simulation.acts import Vaulted
from simulation.attacks import COURSES, Attack, stage
from simulation.changes import CHANGES, calendar, changed_acts, changed_talks
from simulation.kinds import KINDS
from simulation.run import benign_acts
from simulation.world import World, make_world

DAYS = 28
SSH = "network.ssh_outgoing"


def world_of(name: str = "default") -> World:
    kind = KINDS[name]
    return make_world(5, kind.start, DAYS, kind.quick)


def day_of(world: World, attack: Attack) -> int:
    return (attack.truth.start_us - world.at(0)) // 86_400_000_000


@pytest.mark.parametrize("course", ["learning", "ramp", "repeated"])
def test_all_parts_of_a_course_have_the_same_victim_at_the_same_hour(course: str) -> None:
    world = world_of()
    played: defaultdict[str, list[Attack]] = defaultdict(list)
    for attack in stage(world, None, "moderate", course)[0]:
        played[attack.truth.type].append(attack)
    assert len(played) == 25  # all but the sleeper, who would not be silent any more
    for attacks in played.values():
        assert len({attack.truth.entity for attack in attacks}) == 1
        assert len({attack.truth.start_us // 3_600_000_000 % 24 for attack in attacks}) == 1
        assert len({day_of(world, attack) for attack in attacks}) == len(attacks)


def test_who_attacks_while_all_is_learned_comes_back_when_it_is() -> None:
    world = world_of()
    *early, late = stage(world, [SSH], "moderate", "learning")[0]
    assert [attack.truth.part for attack in early] == ["learning"] * 3
    assert all(day_of(world, attack) < 7 for attack in early)
    assert late.truth.part == "after learning"
    assert day_of(world, late) >= 21


def test_a_ramp_begins_below_faint_and_ends_loud() -> None:
    sizes = [
        len(table) for attack in stage(world_of(), [SSH], "moderate", "ramp")[0] for _, table in attack.talks
    ]
    faint, loud = (
        len(stage(world_of(), [SSH], strength)[0][0].talks[0][1]) for strength in ("faint", "loud")
    )
    assert sizes == sorted(sizes)
    assert sizes[0] < faint
    assert sizes[-1] == loud
    assert max(b / a for a, b in pairwise(sizes)) < 2


def test_amid_change_is_within_two_days_of_its_begin() -> None:
    world = world_of()
    world.changes = calendar(DAYS)
    begins = dict(world.changes)
    for attack in stage(world, None, "moderate", "change")[0]:
        name = attack.truth.part.removeprefix("amid ")
        assert begins[name] <= day_of(world, attack) <= begins[name] + 1


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_does_nothing_before_it_begins_and_something_then(name: str) -> None:
    world = world_of("small-office")
    world.changes = ((name, 14),)
    assert not changed_acts(world, 13)
    assert not changed_talks(world, 13)
    first, again = changed_acts(world, 14), changed_acts(world, 14)
    assert first == again  # the same bytes for the same seed
    assert len(first) > 10
    assert all(act.at_us >= world.at(14) for act in first)


def test_what_stays_of_a_change_stays() -> None:
    world = world_of("small-office")
    world.changes = (("new scanner", 14),)
    scanned = {act.vault for act in changed_acts(world, 20) if isinstance(act, Vaulted)}
    assert scanned == {vault.resource for vault in world.estate.vaults}
    assert len(changed_talks(world, 20)) == len(world.estate.machines)


def test_the_benign_part_is_the_same_in_every_course() -> None:
    world = world_of("small-office")
    before = benign_acts(world, 10)
    for course in COURSES[:4]:
        stage(world, None, "loud", course)
    assert benign_acts(world, 10) == before


def test_a_run_that_is_too_short_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a run with changes needs at least 20 days, not 12"):
        simulate(tmp_path / "out", days=12, organisation=KINDS["default"].quick, changes=True)
    with pytest.raises(ValueError, match="a course is one of once, learning"):
        stage(world_of(), None, "loud", "sometimes")
    short = make_world(5, KINDS["default"].start, 8, KINDS["default"].quick)
    attacks, left_out = stage(short, [SSH], "loud", "ramp")
    assert not attacks
    assert "grows for 14 days" in left_out[SSH]
