"""A part that is not what a shard or an aggregator wrote is refused with a reason, whatever is in it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors import shard_state
from actors.aggregator import Aggregator
from actors.conductor import Standing
from actors.entities import Entities
from actors.entity import EntityState
from actors.saving import AGGREGATOR, SHARD, PartError, read_shard
from actors.settings import Settings
from actors.shard import Shard
from actors.shard_state import Changes, EntityChange
from cluster.beginning import packed_place, place_of
from cluster.errors import UserError
from cluster.manifest import Manifest
from tests.actors.running import Kept, Replayed, enrichment
from tests.actors.test_whole import BUSY, part

SETTINGS = Settings(learning_days=0.0, batch_records=9, checkpoints=True)
decode, encode = msgspec.msgpack.decode, msgspec.msgpack.encode


@cache
def bodies() -> dict[str, list[bytes]]:
    """Real ones, of a run with all kinds of records; of standings too."""
    run = Replayed(part(BUSY, 0, 1 << 62).partitions(7), SETTINGS)
    found: dict[str, list[bytes]] = {"standing": []}
    while not (progress := run.advance(20, mark=True)).drained:
        for marked in progress.marked:
            found["standing"].append(packed_place(marked.standing))
            for one in marked.parts:
                found.setdefault(one.kind, []).append(run._store.read(one))
    return {kind: sorted(some, key=len)[-4:] for kind, some in found.items()}


wrong = st.one_of(
    st.sampled_from([None, True, -1, 0, 1, 2, 4095, 4096, -(1 << 63), (1 << 63) - 1, (1 << 64) - 1, 1e300]),
    st.sampled_from(
        [float("nan"), -1.5, "", "x", "vault", "principal:x", b"", b"\x00", b"\xff" * 8, b"\x01" * 9]
    ),
    st.sampled_from([[], {}, [[]], [0], ["x", 1], [[0, "x"]], {"x": 1}, {"x": [1, 2, 3]}]),
)
steps = st.lists(st.integers(0, 1 << 16), min_size=1, max_size=9)


def mutated(value: Any, way: list[int], put: Any, how: int) -> Any:
    """The value with something in it, which the way leads to, changed."""
    if isinstance(value, list) and value and len(way) > 1:
        at = way[0] % len(value)
        new = mutated(value[at], way[1:], put, how)
        return [*value[:at], *([] if new is DROPPED else [new]), *value[at + 1 :]]
    if isinstance(value, dict) and value and len(way) > 1:
        key = sorted(value, key=repr)[way[0] % len(value)]
        new = mutated(value[key], way[1:], put, how)
        return {**{k: v for k, v in value.items() if k != key}, **({} if new is DROPPED else {key: new})}
    if isinstance(value, bytes) and how % 4:
        at = way[-1] % (len(value) + 1)
        flipped = value[:at] + bytes([way[0] & 255]) + value[at + 1 :]
        return (value[:at], value + b"\x00" * (1 + way[0] % 9), flipped)[how % 4 - 1]
    if isinstance(value, int) and how % 4 == 3 and abs(value) < 1 << 62:
        return value + way[0] - (1 << 15)
    return DROPPED if how % 8 == 2 else put


DROPPED = object()


def changed(body: bytes, way: list[int], put: Any, how: int) -> bytes:
    if how >= 16:  # octets, without regard to what they mean
        at = way[0] % len(body)
        return (body[:at], body[:at] + bytes([way[-1] & 255]) + body[at + 1 :])[how % 2]
    new = mutated(decode(body), way, put, how)
    return b"" if new is DROPPED else encode(new)


def load_shard(body: bytes) -> None:
    shard = Shard(0, SETTINGS)
    shard.load(shard_state.unpack(body))
    shard.begin(None)
    shard.mark()
    again = shard_state.unpack(shard_state.pack(shard.changes()))
    shard_state.pack(shard_state.merged([again, again], 0, True))
    for key in list(shard.entities):
        shard.entities.get(key)


def load_aggregator(body: bytes) -> None:
    aggregator = Aggregator(SETTINGS, enrichment())
    aggregator.load(body)
    aggregator.lasting()
    aggregator.snapshot()


def load_standing(body: bytes) -> None:
    try:
        place_of(Manifest(1, {}, body, []))
    except UserError as error:
        raise ValueError(str(error)) from None


LOADS: dict[str, Callable[[bytes], None]] = {
    SHARD: load_shard,
    AGGREGATOR: load_aggregator,
    "standing": load_standing,
}


def test_real_ones_are_taken() -> None:
    for kind, load in LOADS.items():
        assert bodies()[kind]
        for body in bodies()[kind]:
            load(body)


@pytest.mark.parametrize("kind", LOADS)
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 3), steps, wrong, st.integers(0, 23))
@example(0, [0], [[[[]]]] * 3, 0)
def test_what_was_changed_is_taken_or_refused_with_a_reason(
    kind: str, which: int, way: list[int], put: Any, how: int
) -> None:
    some = bodies()[kind]
    body = changed(some[which % len(some)], way, put, how)
    with suppress(ValueError):
        LOADS[kind](body)


@pytest.mark.parametrize("kind", LOADS)
@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff",  # four thousand million values
        b"\x95\x03\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x93\x02" + b"\x91" * 1_000_000,  # a million levels
        b"\x81\xa8standing\x82\xa6router\x80\xa4days" + b"\x91" * 1_000_000,
    ],
)
def test_nothing_is_made_of_what_a_body_only_claims(kind: str, body: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"no state|can't be read"):
            LOADS[kind](body)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_an_entity_of_another_version_is_refused_before_it_is_needed() -> None:
    """It is unpacked at its next event, hours later: too late to be told."""
    packed = EntityState("principal", "x", 0, 7).pack()
    later = packed[:8] + encode([9, *decode(packed[8:])[1:]])
    body = shard_state.pack(Changes(entities=[EntityChange(1, "principal:x", later)]))
    with pytest.raises(ValueError, match="entity state of version 9"):
        shard_state.unpack(body)
    entities = Entities()
    for wrong_body in (b"", packed[:8], packed[:8] + b"\x01", packed[:-1]):
        entities.load("principal:x", wrong_body)
        with pytest.raises(ValueError, match="no saved entity"):
            entities.get("principal:x")


def test_the_error_names_the_part() -> None:
    store = Kept()
    bad = store.write("000000000007-x-shard-0000", shard_state.pack(Changes(version=4)), SHARD)
    with pytest.raises(PartError, match=r"^000000000007-x-shard-0000: shard state of version 4"):
        read_shard(store, [bad], Shard(0, SETTINGS), 0, None, False)


@pytest.mark.parametrize(
    "standing",
    [
        Standing(router={"closed_until": "x"}),
        Standing(router={"open_hours": [-1]}),
        Standing(router={"more": 1}),
        Standing(days=[1, None]),
        Standing(days=[1, [], None]),
        Standing(days=["x", None, None]),
        Standing(shards=-1),
        Standing(rejected=-1),
        Standing(shards=5_000),
    ],
)
def test_a_standing_that_no_run_can_have_is_refused(standing: Standing) -> None:
    with pytest.raises(UserError, match="the checkpoint of epoch 1 can't be read"):
        place_of(Manifest(1, {}, packed_place(standing), []))
