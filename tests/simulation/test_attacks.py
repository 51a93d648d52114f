"""Each attack's telemetry is there, at the time and on the entity that the truth names."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from simulation.acts import CLI, PORTAL, POWERSHELL, Management, Vaulted
from simulation.attacks import FAINT, LOUD, MODERATE, TYPES, Attack, stage
from simulation.feeds import command_and_control, proxies, tor_exits
from simulation.people import dormant
from simulation.places import ABROAD
from simulation.run import benign_acts
from simulation.work import day_of_work
from simulation.world import START, Organisation, World, make_world
from tests.simulation.reading import SMALL, activity, at_us, captures, flows, truth, vault

DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(7, START, 60, Organisation())


@pytest.fixture(scope="module", params=[LOUD, MODERATE])
def staged(request, world: World) -> dict[str, Attack]:
    attacks, left_out = stage(world, None, request.param)
    assert not left_out
    return {attack.truth.type: attack for attack in attacks if not attack.truth.withheld}


def operations(attack: Attack) -> list[str]:
    return [act.operation for act in attack.acts]


def short(attack: Attack) -> list[str]:
    return [operation.split("/", 1)[-1] for operation in operations(attack)]


# ---- on the wire ----------------------------------------------------------------------------------------


def inside(line: dict, time_us: int, slack_us: int = 10_000_000) -> bool:
    return at_us(line["start"]) - slack_us <= time_us <= at_us(line["end"]) + slack_us


@pytest.mark.parametrize("layer", ["management", "key_vault"])
def test_events_of_each_attack_are_on_the_wire_when_the_truth_says(out: Path, layer: str) -> None:
    records = [(at_us(r["time"]), str(r).lower()) for r in activity(out) + vault(out)]
    lines = [line for line in truth(out) if line["type"].startswith(layer)]
    assert len(lines) == (7 if layer == "management" else 9)
    for line in lines:
        name = line["entity"]["id"].lower()
        assert any(name in text for time_us, text in records if inside(line, time_us)), line["type"]


def test_flows_of_each_attack_are_on_the_wire_when_the_truth_says(out: Path) -> None:
    rows = [row.split(",") for row in (out / "inventory.csv").read_text().splitlines()[1:]]
    addresses = {row[1]: int(IPv4Address(row[0])) for row in rows}
    every = [flow for wire in captures(out).values() for flow in flows(wire)]
    lines = [line for line in truth(out) if line["type"].startswith("network")]
    assert len(lines) == 10
    for line in lines:
        own = addresses[line["entity"]["id"]]
        port = 3389 if ".rdp" in line["type"] else 443 if "malicious" in line["type"] else 22
        mine = [
            f
            for f in every
            if inside(line, f.start_ms * 1000) and port in (f.source_port, f.destination_port)
        ]
        outgoing = "outgoing" in line["type"] or "malicious" in line["type"]
        met = [
            f for f in mine if (f.source if outgoing else f.destination) == own and f.destination_port == port
        ]
        assert len(met) >= 100, line["type"]
        if line["type"].endswith("_multiple"):
            assert len({f.destination if outgoing else f.source for f in met}) >= 200


def test_the_burst_that_must_not_alert_is_in_the_hour_in_which_the_address_changes(out: Path) -> None:
    line = next(line for line in truth(out) if line["withheld"])
    rows = [row.split(",") for row in (out / "inventory.csv").read_text().splitlines()[1:]]
    started = next(row[2] for row in rows if row[1] == line["entity"]["id"])
    assert started[:13] == line["start"][:13] == line["end"][:13]
    assert at_us(line["start"]) < at_us(started) < at_us(line["end"])


# ---- what each does, in a long run ----------------------------------------------------------------------


def test_all_26_are_played_in_the_last_quarter(world: World, staged: dict[str, Attack]) -> None:
    assert set(staged) == set(TYPES)
    for attack in staged.values():
        assert attack.truth.start_us >= world.at(45)
        assert attack.truth.end_us <= world.at(60)


def test_victims_are_different_ones(staged: dict[str, Attack]) -> None:
    victims = [attack.truth.entity for attack in staged.values()]
    assert len(set(victims)) == len(victims)


def test_a_moderate_attack_is_no_larger_than_a_loud_one(world: World) -> None:
    loud, moderate = (stage(world, None, strength)[0] for strength in (LOUD, MODERATE))

    def size(attack: Attack) -> int:
        return len(attack.acts) + sum(len(made) for _, made in attack.talks)

    pairs = [(size(a), size(b)) for a, b in zip(moderate, loud, strict=True)]
    assert all(a <= b for a, b in pairs)
    assert sum(a < b for a, b in pairs) >= 22


def test_a_faint_attack_is_smaller_still_and_slower(world: World) -> None:
    moderate, faint = (
        {a.truth.type: a for a in stage(world, None, strength)[0] if not a.truth.withheld}
        for strength in (MODERATE, FAINT)
    )
    ssh = "network.ssh_incoming"
    rates = [
        len(made) / (made["start_us"].max() - made["start_us"].min())
        for made in (faint[ssh].talks[0][1], moderate[ssh].talks[0][1])
    ]
    assert rates[0] < rates[1] / 3
    assert {attack.truth.strength for attack in faint.values()} == {FAINT}
    assert all(attack.acts or attack.talks for attack in faint.values())
    assert sum(len(a.acts) for a in faint.values()) < sum(len(a.acts) for a in moderate.values())


def test_a_network_attack_goes_in_the_direction_that_its_name_says(staged: dict[str, Attack]) -> None:
    for kind, attack in staged.items():
        for machine, made in attack.talks:
            own = int(IPv4Address(machine.address))
            mine = made["client"] if "outgoing" in kind or "malicious" in kind else made["server"]
            other = made["server"] if "outgoing" in kind or "malicious" in kind else made["client"]
            assert (mine == own).all()
            peers = len(set(other.tolist()))
            assert peers >= 60 if kind.endswith("_multiple") else peers == 1


def test_the_control_server_is_on_the_list(world: World, staged: dict[str, Attack]) -> None:
    listed = {int(IPv4Address(address)) for address in command_and_control(world.seed)}
    _, made = staged["network.malicious_address"].talks[0]
    assert set(made["server"].tolist()) <= listed


def test_microburst_makes_and_deletes_runbooks_of_fifteen_different_letters(
    staged: dict[str, Attack],
) -> None:
    attack = staged["management.microburst"]
    made = [act for act in attack.acts if act.operation.endswith("runbooks/write")]
    assert made
    for act in made:
        name = act.resource.rsplit("/", 1)[1]
        assert len(set(name)) == len(name) == 15
        assert name.isalpha()
        later = [
            other.operation for other in attack.acts if other.at_us > act.at_us and name in other.resource
        ]
        assert [operation.rsplit("runbooks/")[-1] for operation in later][-1] == "delete"
    asked = {
        operation for operation in operations(attack) if "list" in operation or "publishxml" in operation
    }
    assert len(asked) >= 4


def test_azurite_asks_three_times_for_each_site_and_then_empties_vault_by_vault(
    staged: dict[str, Attack],
) -> None:
    attack = staged["management.azurite"]
    sites = [act.resource for act in attack.acts if isinstance(act, Management)]
    assert all(sites[n : n + 3] == [sites[n]] * 3 for n in range(0, len(sites), 3))
    assert not [operation for operation in operations(attack) if operation.endswith(("write", "delete"))]
    vaults: dict[str, list[str]] = {}
    for act in attack.acts:
        if isinstance(act, Vaulted):
            vaults.setdefault(act.vault, []).append(act.operation)
    for asked in vaults.values():
        order = ["KeyList", "KeyGet", "SecretList", "SecretGet"]
        assert asked == sorted(asked, key=order.index)
        assert set(asked) == set(order)


def test_the_sleeping_account_was_active_first_and_silent_for_46_days(world: World, staged) -> None:
    sleeper, attack = dormant(world.people), staged["management.inactive_account"]
    acts = [act for day in range(60) for act in day_of_work(world, sleeper, day)]
    assert attack.truth.entity == ("principal", sleeper.who.oid)
    assert any(isinstance(act, Management) for act in acts)
    assert attack.truth.start_us - max(act.at_us for act in acts) > 46 * DAY_US


def test_the_powershell_victim_never_used_it_before(world: World, staged: dict[str, Attack]) -> None:
    attack = staged["management.powershell"]
    victim = next(p for p in world.people if p.who.oid == attack.truth.entity[1])
    used = {act.appid for day in range(60) for act in day_of_work(world, victim, day) if act.who}
    assert used == {PORTAL.appid}
    assert {act.appid for act in attack.acts} == {POWERSHELL.appid}


def test_the_custom_role_that_is_given_is_the_one_that_was_made(staged: dict[str, Attack]) -> None:
    made, given = staged["management.persistence"].acts
    role = made.resource.rsplit("/", 1)[1]
    assert role in made.request
    assert role in given.request
    assert '"*"' in made.request or "/write" in made.request


def test_what_only_the_address_gives_away_comes_from_a_listed_address(world: World, staged) -> None:
    assert {act.address for act in staged["management.anonymous_ip"].acts} <= set(proxies(world.seed))
    assert {act.address for act in staged["key_vault.tor_access"].acts} <= set(tor_exits(world.seed))


def test_impossible_travel_has_the_act_at_home_before_the_one_far_away(staged: dict[str, Attack]) -> None:
    acts = staged["management.impossible_travel"].acts
    assert acts[0].address == acts[1].address == acts[-1].address != acts[2].address
    assert acts[2].at_us - acts[1].at_us < 3_600_000_000


def known(visits: list[Vaulted], resource: str) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Users, applications and pairs that were at a vault before the last quarter."""
    mine = [act for act in visits if act.vault == resource]
    pairs = {(act.who.oid, act.appid) for act in mine if act.who}
    return {user for user, _ in pairs}, {appid for _, appid in pairs}, pairs


def test_unusual_visitors_are_unusual_in_one_respect_only(world: World) -> None:
    attacks = {attack.truth.type: attack for attack in stage(world)[0]}
    visits = [a for day in range(45) for a in benign_acts(world, day) if isinstance(a, Vaulted) and a.who]
    for kind, expected in (
        ("unusual_user", (False, True, False)),
        ("unusual_application", (False, False, False)),
        ("unusual_user_application_pair", (True, True, False)),
        ("tor_access", (True, True, True)),
        ("list_and_query", (True, True, True)),
        ("policy_change_and_query", (True, True, True)),
        ("unusual_operation_pattern", (True, True, True)),
        ("high_operation_volume", (True, True, True)),
    ):
        attack = attacks[f"key_vault.{kind}"]
        users, applications, pairs = known(visits, attack.truth.entity[1])
        act = next(act for act in attack.acts if isinstance(act, Vaulted))
        who = act.who.oid if act.who else ""
        assert (who in users, act.appid in applications, (who, act.appid) in pairs) == expected, kind


def test_the_pair_is_portal_user_with_the_command_line(staged: dict[str, Attack]) -> None:
    assert {act.appid for act in staged["key_vault.unusual_user_application_pair"].acts} == {CLI.appid}


def test_reading_follows_listing_follows_the_policy_change(staged: dict[str, Attack]) -> None:
    change = operations(staged["key_vault.policy_change_and_query"])
    assert change[0].endswith("write")
    assert change[-1] == "SecretGet"
    assert "SecretList" in change
    assert operations(staged["key_vault.list_and_query"])[:2] == ["SecretList", "SecretGet"]


def test_the_odd_mix_is_no_more_than_twice_the_usual_volume(world: World, staged: dict[str, Attack]) -> None:
    attack = staged["key_vault.unusual_operation_pattern"]
    rates = [
        r
        for s in world.services
        for v, r in zip(s.vaults, s.rates, strict=False)
        if v.resource == attack.truth.entity[1]
    ]
    assert len(attack.acts) <= max(2 * max(rates), 12)
    assert not {"SecretGet", "KeyUnwrap"} & set(operations(attack))


def test_volume_is_the_usual_calls_by_the_usual_identity_many_times(staged: dict[str, Attack]) -> None:
    attack = staged["key_vault.high_operation_volume"]
    assert set(operations(attack)) <= {"SecretGet", "KeyUnwrap"}
    assert len({act.who.oid for act in attack.acts}) == 1
    assert len(attack.acts) >= 60


def test_one_principal_goes_to_many_vaults(staged: dict[str, Attack]) -> None:
    attack = staged["key_vault.high_vault_access_volume"]
    assert len({act.vault for act in attack.acts}) >= 7


# ---- the benign stream is benign ------------------------------------------------------------------------


def test_nobody_works_from_a_listed_address_or_an_attackers_country() -> None:
    world = make_world(7, START, 20, SMALL)
    listed = {*tor_exits(7), *proxies(7), *command_and_control(7)}
    abroad = tuple(place.network.rsplit(".", 2)[0] + "." for place in ABROAD.values())
    acts = [act for day in range(20) for act in benign_acts(world, day)]
    assert not listed & {act.address for act in acts}
    assert not [act.address for act in acts if act.address.startswith(abroad)]
