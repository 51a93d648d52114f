"""What shards are told of each record, part by part, is what the record says: whoever owns it, however often."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.event_routes import EventRoutes
from actors.keys import entity_key, group_of, shard_of
from actors.messages import COUNTED, PRINCIPAL, SIGNED_IN, VAULT, Batch, pack_batch, unpack_batch
from ingest.event_columns import EventColumns
from ingest.parts import Parts
from ingest.records import SIGN_IN, Event
from tests.actors.running import BRIEFLY, TOR, TWICE, enrichment, event, managed, signed_in

Told = Counter[tuple[int, bytes, int]]  # shard, event, what the shard owns of it
pack = msgspec.msgpack.Encoder(order="deterministic").encode


class Ears:
    """What shards understand of batches: the numbers of parts as they were told."""

    def __init__(self, shards: int) -> None:
        self._told = [Parts() for _ in range(shards)]
        self.heard: Told = Counter()

    def hear(self, shard: int, batch: Batch) -> None:
        """Take a batch as it comes over the wire."""
        batch = unpack_batch(*pack_batch(batch))
        if batch.forget:
            self._told[shard] = Parts()
        self._told[shard].extend(batch.told.whats, batch.told.whos, batch.told.wheres)
        for at_us, uid, operation_id, offset, *codes, source, owners in batch.events.tolist():
            own = at_us, uid, operation_id, offset, batch.sources[source]
            self.heard[shard, pack(self._told[shard].event(codes, *own)), owners] += 1
        for routed in batch.late:
            self.heard[shard, pack(routed.event), routed.owners] += 1


def expected(events: list[tuple[Event, str]], shards: int) -> Told:
    """Each record, enriched by itself at its own time, with its owners."""
    told: Told = Counter()
    for one, source in events:
        full = enrichment().event(msgspec.structs.replace(one, source=source))
        assert full.listed == enrichment().indicators.categories(one.address, one.at_us)
        mine = SIGNED_IN if one.layer == SIGN_IN else PRINCIPAL
        owners: dict[int, int] = {}
        for role, kind, entity in ((mine, "principal", one.principal), (VAULT, "vault", one.vault)):
            if entity:
                shard = shard_of(group_of(entity_key(kind, entity)), shards)
                owners[shard] = owners.get(shard, 0) | role | (0 if owners else COUNTED)
        told.update((shard, pack(full), owned) for shard, owned in owners.items())
    return told


some_events = st.lists(
    st.builds(
        lambda make, minute, request, told: make(minute, request, **told),
        st.sampled_from([event, managed, signed_in]),
        st.integers(0, 59),
        st.integers(0, 3),
        st.fixed_dictionaries(
            {
                "principal": st.sampled_from(["", "p", "q", "P"]),
                "vault": st.sampled_from(["", "/v", "/w"]),
                "address": st.sampled_from(["", TOR, BRIEFLY, TWICE, "81.2.69.142"]),
                "offset": st.integers(0, 9),
            }
        ),
    ),
    max_size=8,
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(some_events, st.sampled_from(["f", "g"]), st.booleans(), st.booleans()), max_size=8),
    st.integers(1, 4),
    st.sampled_from([0, 1, 5, 200_000]),
)
def test_each_record_reaches_its_owners_as_it_is_at_its_time(
    monkeypatch: pytest.MonkeyPatch,
    blocks: list[tuple[list[Event], str, bool, bool]],
    shards: int,
    most: int,
) -> None:
    """Also where an address is on a list for a part of the hour alone, and where parts are told anew."""
    monkeypatch.setattr("actors.event_routes.MAX_PARTS", most)
    enrichment()
    routes, ears = EventRoutes(enrichment(), shards), Ears(shards)
    sent: list[tuple[Event, str]] = []
    for events, source, late, flush in blocks:
        columns = EventColumns.of(events)
        numbers = routes.meet(columns)
        owned = routes.is_owned(numbers)
        mine = [one for one in events if one.principal or one.vault]
        assert owned.tolist() == [bool(one.principal or one.vault) for one in events]
        columns, numbers = columns.take(np.flatnonzero(owned)), numbers[owned]
        if late:
            routes.add_late(columns, source)
        else:
            routes.listed(numbers, columns.columns["at_us"])
            routes.add(columns, numbers, source)
        sent += [(one, source) for one in mine]
        if flush:
            for shard, batch in routes.take():
                ears.hear(shard, batch)
            assert len(routes) == 0
    for shard, batch in routes.take():
        ears.hear(shard, batch)
    assert ears.heard == expected(sent, shards)
