"""Which resource a flow is of must not hang on who read its file; and a file tells of its own resources alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actors.far_reader import FarReader
from actors.far_reading import FarEnd, FarPartition, SharedParts
from actors.flow_routes import FlowRoutes
from actors.resources import Resources
from actors.settings import Settings
from ingest.enrich import Enrichment
from ingest.inventory import Inventory
from ingest.networks import NumberedAddresses
from ingest.records import TRAFFIC
from ingest.resource_ids import OWN, Ids, own_ids
from ingest.sources import FlowFile
from tests.actors.running import MACHINES, enrichment
from tests.actors.test_far_reading import Far
from tests.ingest.ipfix_messages import PLAIN, a_set, message, record, template

SETTINGS = Settings(shards=2)
NAMED = list(MACHINES[:2])
HEADER = "ip,resource_id,start,end\n"


def some_named(folder: Path) -> Enrichment:
    """Two machines with a name, and a network of which each address is a resource."""
    (folder / "inventory.csv").write_text(HEADER + "".join(f"{ip},/VM/{ip},,\n" for ip in NAMED))
    inventory, _ = Inventory.read(folder / "inventory.csv", ["10.0.0.0/16"])
    plain = enrichment()
    return Enrichment(inventory, plain.indicators, plain.geography)


def flow_file(path: Path, *addresses: str) -> FlowFile:
    flows = b"".join(record(destination=ip, ports=(n, 22)) for n, ip in enumerate(addresses))
    path.write_bytes(message(template(256, PLAIN)) + message(a_set(256, flows), sequence=0))
    return FlowFile(path)


def test_a_file_tells_only_the_resources_that_its_flows_are_of(tmp_path: Path) -> None:
    """Each file after a reader's first would else tell all that the reader knows: a million of them, of every hour's file."""
    far = Far()
    far.reader = FarReader(SETTINGS, some_named(tmp_path))
    far.open._call, far.next._call = far.reader.open, far.reader.next
    told = []
    for number, own in enumerate((["10.0.7.1", NAMED[1], "10.0.7.2"], ["10.0.7.2", "10.0.7.3"])):
        partition = flow_file(tmp_path / f"{number}.ipfix", *own)
        end = FarEnd(far, 1)  # to whom the other file was not told
        far_one = FarPartition([end], number, partition, SharedParts(), far.get)
        chosen = [block.chosen for block in far_one.blocks() if block.chosen is not None]
        held = [one.ids[entity] for one in chosen for entity in one.rows["entity"].tolist()]
        told.append(sorted(end.ids._named) + sorted(own_ids(np.frombuffer(end.ids._own, OWN))))
        assert sorted(held) == told[number]
    assert told == [[f"/VM/{NAMED[1]}", "ip:10.0.7.1", "ip:10.0.7.2"], ["ip:10.0.7.2", "ip:10.0.7.3"]]


def rows(*entities: int) -> np.ndarray:
    some = np.zeros(len(entities), TRAFFIC)
    some["entity"] = entities
    return some


@pytest.mark.parametrize("named_first", [False, True])
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_a_resource_has_one_number_whichever_file_tells_it(
    tmp_path: Path, shards: int, named_first: bool
) -> None:
    """Two numbers would be two resources, each with half of the flows."""
    about = some_named(tmp_path)
    readers = [FarReader(SETTINGS, about), FarReader(SETTINGS, some_named(tmp_path))]
    addresses = ["10.0.7.1", NAMED[1], "10.0.7.2", "10.0.9.9", NAMED[0]]
    routes = FlowRoutes(about.inventory, shards)
    streams = []
    for number, (reader, order) in enumerate(zip(readers, (1, -1), strict=True)):
        far = Far()
        far.reader = reader
        far.open._call, far.next._call = reader.open, reader.next
        partition = flow_file(tmp_path / f"{number}.ipfix", *addresses[::order])
        end = FarEnd(far, number + 1)
        blocks = FarPartition([end], number, partition, SharedParts(), far.get).blocks()
        streams += [block.chosen for block in blocks if block.chosen is not None and len(block.chosen.rows)]
    here = Ids(["IP:10.0.7.1", f"/vm/{NAMED[0]}"])  # as who reads it in this process, or telemetry, has them
    given = [(chosen.rows.copy(), "x", chosen.ids, chosen.stream) for chosen in streams]
    given.insert(0 if named_first else len(given), (rows(0, 1), "y", here, 0))
    for one in given:
        routes.add(*one)
    batches = dict(routes.take())
    told = sorted(id_.lower() for batch in batches.values() for id_ in batch.ids)
    expected = [f"/vm/{ip}" for ip in NAMED] + ["ip:10.0.7.1", "ip:10.0.7.2", "ip:10.0.9.9"]
    assert told == sorted(expected)
    counted = {
        batch.ids[number].lower(): int(np.count_nonzero(batch.rows["entity"] == number))
        for batch in batches.values()
        for number in range(len(batch.ids))
    }
    assert counted == {name: 3 if name in ("ip:10.0.7.1", f"/vm/{NAMED[0]}") else 2 for name in expected}


@pytest.mark.parametrize("shards", [1, 3])
def test_names_of_a_block_are_numbered_together(shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one a million addresses that telemetry tells of would cost a router minutes."""
    added: list[int] = []
    add = NumberedAddresses.add

    def counted(one: NumberedAddresses, high: np.ndarray, low: np.ndarray, numbers: np.ndarray) -> None:
        added.append(len(low))
        add(one, high, low, numbers)

    monkeypatch.setattr(NumberedAddresses, "add", counted)
    names = [f"ip:10.0.{n % 7}.{n}" for n in range(200)] + ["ip:2001:db8::9", "ip:2001:DB8:0::9", "/vm/A"]
    routes = FlowRoutes(Inventory.from_networks(["10.0.0.0/8"]), shards)
    routes.add(rows(*range(203), *range(203)), "x", Ids([*names]))
    routes.add(
        rows(0, 1, 2, 3), "x", Ids(["/VM/a", "IP:10.0.0.0", "/vm/b", "ip:2001:db8:0::9"]), 1
    )  # another stream
    assert added == [201], "the text that is not as the address is written is a name"
    told: dict[str, int] = {}
    for _, batch in routes.take():
        ids = [batch.ids[number] for number in batch.rows["entity"].tolist()]
        told.update({id_: ids.count(id_) for id_ in batch.ids})
    assert told == dict.fromkeys(names, 2) | {
        "/vm/A": 3,
        "ip:10.0.0.0": 3,
        "/vm/b": 1,
        "ip:2001:DB8:0::9": 3,
    }


def test_many_resources_may_come_at_once_and_some_of_them_twice() -> None:
    """The first word on when a resource was there counts, as if they came one by one."""
    many, resources = [f"/vm/{number}" for number in range(9_000)], Resources(SETTINGS)
    assert resources.numbers(["/vm/1", "/vm/0", "/VM/1"], [5, 6, 7]) == [0, 1, 0]
    numbers = resources.numbers([*many, "/VM/8999"], [*range(9_000), 1])
    assert numbers[:3] == [1, 0, 2]
    assert numbers[-1] == numbers[-2] == 8_999
    assert resources.named_as(0) == ("/vm/1", 5)
    assert resources.named_as(8_999) == ("/vm/8999", 8_999)
    assert len(resources) == 0, "they are named, not met"
