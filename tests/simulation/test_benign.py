"""The ordinary days: believable, and with the things that only look like attacks."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simulation import simulate
from simulation.acts import HOUR_US, Act, Management, Vaulted
from simulation.conversations import number
from simulation.places import all_places, kilometres
from simulation.run import benign_acts
from simulation.services import RESOURCE_GRAPH
from simulation.traffic import day_of_traffic
from simulation.work import day_of_work
from simulation.world import START, Organisation, World, make_world
from tests.simulation.reading import SMALL, activity, at_us, captures, flows, vault

DAYS = 60


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(7, START, DAYS, Organisation())


@pytest.fixture(scope="module")
def acts(world: World) -> list[Act]:
    return [act for day in range(DAYS) for act in benign_acts(world, day)]


def place_of(address: str):
    return next(place for place in all_places() if ip_address(address) in ip_network(place.network))


def test_nobody_travels_faster_than_a_plane_but_by_vpn(world: World) -> None:
    through_vpn = 0
    for person in world.people:
        work = sorted(act for day in range(DAYS) for act in [(*a[:2], a.address) for a in day_of_work(world, person, day) if a.who])  # fmt: skip
        for (at, _, here), (later, _, there) in pairwise(work):
            far = kilometres(place_of(here), place_of(there)) if here != there else 0
            if far > 500 and far / max((later - at) / HOUR_US, 0.001) > 900:
                assert {here, there} & set(world.vpn), person.who.upn
                through_vpn += 1
    assert through_vpn > 50


def test_weekdays_are_busier_than_weekends_and_days_than_nights(world: World, acts: list[Act]) -> None:
    people = [act.at_us - world.at(0) for act in acts if act.who and act.who.upn]
    days = Counter(at // (24 * HOUR_US) % 7 for at in people)
    assert max(days[5], days[6]) < min(days[n] for n in range(5)) / 5
    hours = Counter(at // HOUR_US % 24 for at in people)
    assert sum(hours[h] for h in range(7, 15)) > 5 * sum(hours[h] for h in (20, 21, 22, 23, 0, 1, 2))


def test_some_admin_works_at_night_now_and_then(world: World, acts: list[Act]) -> None:
    night = [
        a
        for a in acts
        if a.who and a.who.role == "Owner" and (a.at_us - world.at(0)) // HOUR_US % 24 in (0, 1, 2)
    ]
    assert night


def test_the_inventory_scanner_asks_every_storage_account_for_its_keys_each_night(world: World, acts) -> None:
    scanner = next(service for service in world.services if service.kind == "scanner")
    mine = [act for act in acts if act.who == scanner.who]
    assert len(mine) == DAYS * len(world.estate.storage)
    assert {act.operation for act in mine} == {"Microsoft.Storage/storageAccounts/listKeys/action"}


def test_resource_graph_looks_at_every_vault(world: World, acts: list[Act]) -> None:
    seen = {act.vault for act in acts if isinstance(act, Vaulted) and act.appid == RESOURCE_GRAPH}
    assert seen == {vault.resource for vault in world.estate.vaults}


def test_pipelines_put_vaults_and_then_read_their_secrets(world: World, acts: list[Act]) -> None:
    pipeline = next(service for service in world.services if service.kind == "pipeline")
    verbs = Counter(act.operation for act in acts if act.who == pipeline.who)
    assert verbs["VaultPut"] > 2 * DAYS
    assert verbs["SecretGet"] > verbs["VaultPut"]
    assert verbs["Microsoft.KeyVault/vaults/write"] >= verbs["VaultPut"]


def test_the_build_vault_meets_identities_that_are_new_every_day(world: World, acts: list[Act]) -> None:
    build = world.estate.vaults[0].resource
    mine = [act for act in acts if isinstance(act, Vaulted) and act.vault == build]
    seen = {(act.who.oid, (act.at_us - world.at(0)) // (24 * HOUR_US)) for act in mine if act.who}
    once = [oid for oid, days in Counter(oid for oid, _ in seen).items() if days == 1]
    assert len(once) > 4 * DAYS


def test_sdks_are_challenged_before_their_first_call(out: Path) -> None:
    challenged = [record for record in vault(out) if record["properties"]["httpStatusCode"] == 401]
    assert len(challenged) > 50
    assert not any(record["identity"]["claim"] for record in challenged)


def test_people_make_mistakes_that_are_refused(acts: list[Act]) -> None:
    refused = [a for a in acts if isinstance(a, Management) and a.status == "Forbidden"]
    strangers = [a for a in acts if isinstance(a, Vaulted) and a.status == 403]
    assert len(refused) > 10
    assert strangers


def test_new_applications_come_with_a_vault_of_their_own_or_to_an_old_one(world: World) -> None:
    born = [bool(service.vaults[0].born) for service in world.launched]
    assert True in born
    assert False in born


def test_every_address_is_scanned_by_many_a_little(world: World) -> None:
    counts, tries = [], Counter[int]()
    for machine in world.estate.machines:
        for day in (2, 9):
            made = day_of_traffic(world, machine, day)
            inward = made[(made["server"] == number(machine.address)) & (made["server_port"] == 22)]
            if machine.kind != "jump":
                tries.update(Counter(inward["client"].tolist()).values())
            hours = (inward["start_us"] - world.at(day)) // HOUR_US
            counts += [len(set(inward["client"][hours == hour].tolist())) for hour in range(24)]
    assert min(tries) == 1
    assert sum(n for size, n in tries.items() if size <= 3) > 0.8 * sum(tries.values())
    assert max(tries) >= 6
    assert np.var(counts) > 1.4 * np.mean(counts)  # overdispersed


def test_most_traffic_bears_on_no_detection(out: Path) -> None:
    ports = [{f.source_port, f.destination_port} for wire in captures(out).values() for f in flows(wire)]
    relevant = sum(1 for each in ports if each & {22, 3389})
    assert 1.5 < (len(ports) - relevant) / relevant < 5


def test_configuration_management_reaches_many_hosts_once_a_week(world: World) -> None:
    machine = next(machine for machine in world.estate.machines if machine.kind == "controller")
    reached = []
    for day in range(14):
        made = day_of_traffic(world, machine, day)
        out = made[(made["client"] == number(machine.address)) & (made["server_port"] == 22)]
        reached.append(len(set(out["server"].tolist())))
    assert [day for day, hosts in enumerate(reached) if hosts > 20] == [1, 8]


def test_work_in_the_east_that_starts_before_midnight_is_not_lost(tmp_path: Path) -> None:
    run = simulate(tmp_path / "run", days=30, attacks=[], organisation=SMALL)
    assert len(activity(run.out)) == run.management_records
    for path in sorted((run.out / "telemetry" / "key-vault").iterdir())[:-1]:
        day = path.name[:10]
        assert {record["time"][:10] for record in _records(path)} == {day}


def _records(path: Path) -> list[dict]:
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [record for line in lines for record in json.loads(line)["records"]]


def test_what_looks_odd_and_is_not_is_told_apart_for_people(out: Path) -> None:
    lines = [json.loads(line) for line in (out / "benign.jsonl").read_text().splitlines()]
    assert any("passes to this machine" in line["note"] for line in lines)
    for line in lines:
        assert set(line) == {"start", "end", "entity", "note"}
        assert at_us(line["start"]) <= at_us(line["end"])
