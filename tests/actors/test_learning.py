"""A new estate is all news: of what it finds a handful is kept, all is counted, and nothing else differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from alerts.alert import to_json
from ingest.enrich import Enrichment
from ingest.geography import Geography
from ingest.inventory import Inventory
from ingest.inventory_file import Claims
from ingest.networks import parse_network
from ingest.records import HOUR_US
from ingest.threat_intel import Indicators
from tests.detections.network.replay import Estate, Talk, flows

HOUR = 490_896
NEW, OLD = 12, 3
MOST = 4
TYPE = "network.ssh_incoming"


def address_of(number: int) -> str:
    return f"10.0.0.{number + 1}"


def machine(number: int) -> str:
    """Ids in another order than the addresses, and of both cases: the first ones by id are kept."""
    return f"/vm/{'Ab'[number % 2]}{(number * 7) % 100:02}"


def enrichment() -> Enrichment:
    networks = [parse_network(address_of(number)) for number in range(NEW + OLD)]
    zeros = np.zeros(len(networks), np.int64)
    claims = Claims(
        ids=[machine(number) for number in range(NEW + OLD)],
        high=np.array([network.first >> 64 for network in networks], np.uint64),
        low=np.array([network.first & (1 << 64) - 1 for network in networks], np.uint64),
        bits=np.array([network.bits for network in networks], np.uint8),
        start_us=zeros - (1 << 62),
        end_us=zeros + (1 << 62),
        resource=np.arange(len(networks)),
        line=zeros,
    )
    return Enrichment(Inventory(claims), Indicators.read(())[0], Geography.open(None))


def quiet(hour: int, machines: range) -> Iterator[Talk]:
    for number in machines:
        yield Talk("81.2.0.1", address_of(number), 22, 1 + hour % 2, hour * HOUR_US)


def flood(hour: int, machines: range) -> Iterator[Talk]:
    for number in machines:
        yield Talk("81.2.0.9", address_of(number), 22, 200 + number, hour * HOUR_US)


def played(shards: int) -> Estate:
    """Machines that are known for ten days; then as many new ones again, and all of them are flooded."""
    estate = Estate(enrichment(), shards)
    # The layer is watched from the first hour on: without a later start in the inventory all were known as long.
    for number in range(NEW):
        shard = estate.shards[estate.owner("resource", machine(number))]
        shard.resources.numbers([machine(number)], [(HOUR + 240) * HOUR_US])
    for hour in range(HOUR, HOUR + 240, 4):
        estate.play(hour, flows(quiet(hour, range(NEW, NEW + OLD))))
    for hour in (HOUR + 240, HOUR + 241):
        estate.play(hour, flows(quiet(hour, range(NEW + OLD))))
    for hour in (HOUR + 242, HOUR + 243):
        estate.play(hour, flows(flood(hour, range(NEW + OLD))))
    return estate


def told(estate: Estate) -> Any:
    outcome = estate.aggregator.finish()
    assert not outcome.faults
    kept = [(one.type, one.entity, one.start, one.why, str(one.evidence)) for one in outcome.kept]
    return list(map(to_json, outcome.alerts)), kept, outcome.kept_total


def models(estate: Estate) -> dict[str, list[Any]]:
    """What was learned of each machine."""
    return {
        state.entity: [(name, model.state()) for name, model in sorted(state.models.items())]
        for shard in estate.shards
        for state in shard.resources.states()
    }


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.resources.MOST_LEARNING", MOST)
    monkeypatch.setattr("actors.verdicts.MOST_LEARNING", MOST)


def test_of_many_that_still_learn_the_first_are_kept_and_all_are_counted(few: None) -> None:
    estate = played(1)
    _, kept, total = told(estate)
    hours = sorted({start for type_, _, start, why, _ in kept if (type_, why) == (TYPE, "learning")})
    assert len(hours) == 2
    first = sorted(map(machine, range(NEW)), key=str.lower)[:MOST]
    for hour in hours:
        found = [
            entity for type_, entity, start, why, _ in kept if (type_, start, why) == (TYPE, hour, "learning")
        ]
        assert sorted(found, key=str.lower) == first
    assert total == len(kept) + 2 * (NEW - MOST)


def test_what_is_only_counted_is_taught_as_slowly(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a machine that is attacked in its first days would take the attack for its habit."""
    counted = played(1)
    monkeypatch.undo()
    whole = played(1)
    assert len(told(whole)[1]) == told(whole)[2] == told(counted)[2] > len(told(counted)[1])
    assert told(whole)[0] == told(counted)[0]
    assert models(whole) == models(counted)
    assert whole.aggregator.lasting() == counted.aggregator.lasting()


@pytest.mark.parametrize("shards", [2, 3])
def test_the_number_of_shards_does_not_change_what_is_kept(few: None, shards: int) -> None:
    one, several = played(1), played(shards)
    assert told(several) == told(one)
    assert models(several) == models(one)
    assert several.aggregator.lasting() == one.aggregator.lasting()
