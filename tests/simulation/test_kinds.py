"""Each kind of organisation is what it says it is: else its figures of quality say nothing of such organisations."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from simulation.acts import HOUR_US, Act, Vaulted
from simulation.attacks import stage
from simulation.habits import Habits
from simulation.kinds import KINDS, kind_of
from simulation.places import HOMES, kilometres
from simulation.rhythm import shifts
from simulation.run import benign_acts
from simulation.traffic import day_of_traffic
from simulation.work import audited
from simulation.world import World, make_world


def world_of(name: str, days: int = 28) -> World:
    kind = KINDS[name]
    return make_world(3, kind.start, days, kind.quick)


def callers(acts: list[Act]) -> set[str]:
    return {act.who.oid for act in acts if isinstance(act, Vaulted) and act.who is not None}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_room_for_every_attack_but_the_sleeper(name: str) -> None:
    _, left_out = stage(world_of(name))
    assert set(left_out) == {"management.inactive_account"}


def test_a_software_company_meets_new_identities_all_day() -> None:
    software, default = (len(callers(benign_acts(world_of(name), 8))) for name in ("software", "default"))
    assert software > 2 * default


def test_a_bank_lists_every_vault_when_a_quarter_ends() -> None:
    bank = world_of("bank")
    lists = [
        {
            act.vault
            for act in benign_acts(bank, day)
            if isinstance(act, Vaulted) and act.operation == "SecretList"
        }
        for day in (10, 22)
    ]
    every = {vault.resource for vault in bank.estate.vaults}
    assert lists[1] >= every
    assert not lists[0] >= every


@pytest.mark.parametrize(
    ("day", "is_audited"),
    [
        (date(2026, 3, 28), False),
        (date(2026, 3, 29), True),
        (date(2026, 4, 3), True),
        (date(2026, 4, 5), False),
        (date(2026, 2, 28), False),
    ],
)
def test_audits_are_around_the_ends_of_quarters(day: date, is_audited: bool) -> None:
    assert audited(day) is is_audited


def test_phones_of_a_global_firm_share_few_addresses() -> None:
    world = world_of("global")
    homes = {network for places in HOMES.values() for network in places}
    used = [
        shift.addresses[2][0]
        for person in world.people
        for day in range(20)
        for shift in shifts(world, person, day)
        if shift.place in homes and len(shift.addresses) == 3
    ]
    assert len(used) > 100
    assert len(set(used)) <= 3 * world.size.habits.carriers


@pytest.mark.parametrize("seed", [1002, 1101])
def test_nobody_works_abroad_before_the_landing(seed: int) -> None:
    """Else what is said of impossible travel as false is true: from Newark to Singapore it takes until the next evening."""
    kind = KINDS["global"]
    world, journeys = make_world(seed, kind.start, 28, kind.quick), 0
    for person in world.people:
        mine = [shift for day in range(28) for shift in shifts(world, person, day)]
        for left, there in pairwise(sorted(mine, key=lambda shift: shift.start_us)):
            km = kilometres(left.place, there.place)
            assert there.start_us - left.end_us > km / 900 * HOUR_US or km < 500, person.who.upn
            journeys += km > 10_000
    assert journeys > 1


def knocks(world: World) -> float:
    """Conversations with RDP a machine that offers none: all of it is the internet's background."""
    nodes = [machine for machine in world.estate.machines if machine.kind == "node"]
    return sum(int((day_of_traffic(world, each, 1)["server_port"] == 3389).sum()) for each in nodes) / len(
        nodes
    )


def test_a_fleet_is_scanned_constantly() -> None:
    assert knocks(world_of("fleet")) > 2 * knocks(world_of("default"))


def test_a_kind_that_there_is_not_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="there are default, small-office"):
        kind_of("hospital")
    with pytest.raises(ValueError, match="builds are 0 to 50"):
        Habits(builds=80)
