"""A state folder of the version before checkpoints, written here by hand as that version wrote it, is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from actors import aggregator_state, shard_state
from actors.keys import group_of
from actors.saving import AGGREGATOR, read_shard
from actors.settings import Settings
from actors.shard import Shard
from baselines.population import Population
from baselines.seasonal_count import SeasonalCount
from cluster import state
from cluster.beginning import beginning, place_of
from cluster.checkpoints import Store
from cluster.earlier import take_over
from cluster.errors import UserError

HOUR = 490_000
HOUR_US = 3_600_000_000
pack = msgspec.msgpack.encode
PRINCIPAL, VAULT, MACHINE = "principal:Ann".lower(), "vault:/v", "resource:/vm/1"


def frame(body: bytes) -> bytes:
    return b"REDSHANK\x01" + blake2b(body, digest_size=32).digest() + body


def event(at_us: int, operation: str = "SecretGet") -> list[Any]:
    """`ingest.records.Event` as the array that it was."""
    texts = [
        operation,
        "success",
        "Ann",
        "ann@x",
        "user",
        "app",
        "192.0.2.1",
        "",
        "/v",
        "secrets/db",
        "",
        "",
        "",
    ]
    return [at_us, "key_vault", *texts, 0, {}, 77, "a.json", 3, "", None, None, []]


def columns(kinds: dict[str, Any], **values: list[Any]) -> list[Any]:
    number = len(next(iter(values.values())))
    return [[name, np.array(values.get(name, [0] * number), kind).tobytes()] for name, kind in kinds.items()]


EVENTS = {
    "shape": np.int32, "first_us": np.int64, "last_us": np.int64, "count": np.int64,
    "uid": np.uint64, "operation_id": np.uint64, "offset": np.int64, "source": np.uint64,
}  # fmt: skip
FLOWS = {
    "entity": "<i4", "own_hi": "<u8", "own_lo": "<u8", "peer_hi": "<u8", "peer_lo": "<u8", "offset": "<u8",
    "source": "<u8", "service": "u1", "outgoing": "?", "denied": "?", "malicious": "?", "client_port": "<u2",
    "peer_port": "<u2", "forward": "<i8", "back": "<i8", "octets": "<i8", "first_us": "<i8", "last_us": "<i8",
    "sampling": "<u4",
}  # fmt: skip


def window() -> list[Any]:
    """Of the principal's open hour: two acts, and an operation's start."""
    at = HOUR * HOUR_US
    acts = [[[event(at + 5), 5]], columns(EVENTS, shape=[0, 0], first_us=[at + 5, at + HOUR_US // 2], last_us=[at + 5, at + HOUR_US // 2], count=[2, 1], uid=[1, 2], source=[9, 9])]  # fmt: skip
    records = [[[event(at + 7, "delete"), 5]], columns(EVENTS, shape=[0], first_us=[at + 7], last_us=[at + 7], count=[1], uid=[3], operation_id=[8], source=[9])]  # fmt: skip
    return [acts, records, [[9, "a.json"]], np.array([1, 2, 3], np.uint64).tobytes()]


def entity(kind: str, id_: str, models: list[Any], recent: list[Any], unfinished: list[int]) -> list[Any]:
    return [2, [kind, id_, 1_000, HOUR - 1, 12, "west"], models, recent, unfinished]


def groups() -> dict[int, bytes]:
    counts = SeasonalCount()
    counts.learn_one(
        {"key": "", "hour": HOUR - 1, "count": 4, "profile": 1.0, "dispersion": 0.5, "skipped": 0.0}
    )
    model = ["SeasonalCount", 2, counts.state()]
    table = next(name for name, one in Shard(0, Settings()).resources.judge.baselines.items() if one.column)
    traffic = [HOUR, [[["/VM/1", 0]], [[9, "a.ipfix"]], columns(FLOWS, entity=[0, 0], service=[1, 1], peer_lo=[1, 2], forward=[3, 4], source=[9, 9])]]  # fmt: skip
    act = [event((HOUR - 1) * HOUR_US), 1, (HOUR - 1) * HOUR_US, (HOUR - 1) * HOUR_US]
    values = {
        PRINCIPAL: [2, [entity("principal", "Ann", [], [act], [5, 6])], [[HOUR, "principal", window()]], []],
        VAULT: [2, [entity("vault", "/v", [], [], [])], [], []],
        MACHINE: [2, [entity("resource", "/VM/1", [[table, model]], [], [])], [], [traffic]],
    }
    return {group_of(key): pack(value) for key, value in values.items()}


def write(folder: Path, groups_: dict[int, bytes] | None = None, agg: int = 1) -> Path:
    """What the earlier version's `save` left."""
    epoch = folder / "epoch-00000004"
    epoch.mkdir(parents=True)
    place = {"closed_until": HOUR, "open_hours": [HOUR], "layers_since": {"network": 7}}
    router = {"router": place, "days": [HOUR // 24, None, Population().snapshot()]}
    uses = {"address": {"192.0.2.1": {"ann": [HOUR - 2, HOUR - 1, -1]}}, "vault": {}, "country": {}}
    organisation = [
        HOUR - 1,
        {"network": 7},
        uses,
        {"/role": ["ann", 5, {"role_name": "x"}]},
        Population().state(),
    ]
    bodies = {
        "router": pack(router),
        "aggregator": pack([agg, organisation, [[], [["vault:/v", HOUR - 1, "i"]]]]),
    }
    for name, body in bodies.items():
        (epoch / name).write_bytes(frame(body))
    for segment in range(16):
        some = [(g, body) for g, body in (groups_ or groups()).items() if g // 256 == segment]
        (epoch / f"groups-{segment:02x}").write_bytes(frame(pack(some)))
    (folder / "CURRENT").write_bytes(frame(b"epoch-00000004"))
    return folder


def left(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it_is_there_again(tmp_path: Path) -> None:
    store = Store(write(tmp_path))
    old = left(tmp_path)
    assert "is taken over" in take_over(store)
    begin = beginning(store, "me")
    assert begin.manifest is not None
    assert not begin.resumed
    standing = place_of(begin.manifest)
    assert standing.router == {"closed_until": HOUR, "open_hours": [HOUR], "layers_since": {"network": 7}}
    assert standing.days[0] == HOUR // 24
    for shards in (1, 3):
        settings = Settings(shards=shards, checkpoints=True)
        known = [Shard(n, settings) for n in range(shards)]
        for shard in known:
            read_shard(store, begin.manifest.parts, shard, HOUR, None, shards != standing.shards)
        assert sorted(key for shard in known for key in shard.entities) == [PRINCIPAL, VAULT]
        of = {key: shard for shard in known for key in shard.entities}
        ann = of[PRINCIPAL].entities.get(PRINCIPAL)
        assert ann is not None
        assert (ann.entity, ann.since_us, ann.last_hour, ann.events, ann.region) == (
            "Ann",
            1_000,
            HOUR - 1,
            12,
            "west",
        )
        assert of[PRINCIPAL]._recent[PRINCIPAL].operations == {"SecretGet"}
        assert list(of[PRINCIPAL]._unfinished["principal"].values()) == [{5, 6}]
        closed, open_now = of[PRINCIPAL].open.events[HOUR, "principal"].close({})
        assert sorted(act.count for act in closed.acts(0)) == [1, 1, 2]
        assert closed.acts(0)[0].event.operation in ("SecretGet", "delete")
        assert not open_now
        machines = [state for shard in known for state in shard.resources.states()]
        assert [(one.entity, one.events, one.last_hour) for one in machines] == [("/VM/1", 12, HOUR - 1)]
        assert [model.last_hour for model in machines[0].models.values()] == [HOUR - 1]
        windows = [shard.open.traffic[HOUR] for shard in known if HOUR in shard.open.traffic]
        assert [window.close(HOUR, ["/VM/1"]).active().tolist() for window in windows] == [[0]]
    learned = next(one for one in begin.manifest.parts if one.kind == AGGREGATOR)
    told = aggregator_state.unpack(store.read(learned)).learned
    assert told.uses == [("address", "192.0.2.1", {"ann": [HOUR - 2, HOUR - 1, -1]})]
    assert told.roles == [("/role", ["ann", 5, {"role_name": "x"}])]
    assert {name.removeprefix("earlier/") for name in left(tmp_path) if name.startswith("earlier/")} == set(
        old
    )
    assert take_over(store) == ""


def test_a_take_over_that_was_interrupted_is_ended(tmp_path: Path) -> None:
    take_over(Store(write(tmp_path)))
    (tmp_path / "earlier" / "epoch-00000004").rename(tmp_path / "epoch-00000004")
    before = Store(tmp_path).latest()
    assert take_over(Store(tmp_path))
    assert Store(tmp_path).latest() == before
    assert not (tmp_path / "epoch-00000004").exists()


def flipped(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a bit": (lambda f: flipped(f / "epoch-00000004" / "aggregator"), "aggregator: is damaged"),
    "gone": (lambda f: (f / "epoch-00000004" / "groups-03").unlink(), "groups-03: can't be read"),
    "no current": (lambda f: (f / "CURRENT").unlink(), "CURRENT is missing"),
    "outside": (lambda f: (f / "CURRENT").write_bytes(frame(b"../../etc")), "names no epoch folder"),
    "foreign": (lambda f: (f / "CURRENT").write_bytes(b"MANIFEST-000001\n"), "is no saved state of Redshank"),
    "router": (
        lambda f: (f / "epoch-00000004" / "router").write_bytes(frame(pack([1]))),
        "that can't be read",
    ),
    "groups": (
        lambda f: (f / "epoch-00000004" / "groups-00").write_bytes(frame(pack([[1]]))),
        "holds no key groups",
    ),
    "nested": (
        lambda f: (f / "epoch-00000004" / "aggregator").write_bytes(frame(b"\x91" * 99_999)),
        "can't be read",
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_one_is_refused_in_words_and_left_as_it_is(tmp_path: Path, what: str) -> None:
    damage, said = DAMAGES[what]
    damage(write(tmp_path))
    before = left(tmp_path)
    with pytest.raises(UserError, match=said) as caught:
        take_over(Store(tmp_path))
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == before


@pytest.mark.parametrize(
    ("groups_", "agg", "said"),
    [
        ({1: pack([3, [], [], []])}, 1, "shard state of version 3; this Redshank reads 2"),
        (
            {1: pack([2, [[1, ["vault", "/v", 1, 1, 1, ""], [], [], []]], [], []])},
            1,
            "entity state of version 1",
        ),
        ({1: pack([2, [], [[HOUR, "vault", [*window()[:3], b"123"]]], []])}, 1, "no state of a shard"),
        (None, 2, "aggregator state of version 2; this Redshank reads 1"),
    ],
)
def test_another_version_or_wrong_values_are_refused(
    tmp_path: Path, groups_: dict[int, bytes] | None, agg: int, said: str
) -> None:
    write(tmp_path, groups_, agg)
    before = left(tmp_path)
    with pytest.raises(UserError, match=said):
        take_over(Store(tmp_path))
    assert left(tmp_path) == before


def test_a_folder_without_such_a_state_is_none(tmp_path: Path) -> None:
    assert state.load(tmp_path) is None
    assert (
        take_over(Store(tmp_path))
        == take_over(Store(tmp_path / "nowhere"))
        == take_over(Store("memory://x"))
        == ""
    )
    assert shard_state.VERSION == 3
