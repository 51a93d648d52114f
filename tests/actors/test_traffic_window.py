"""Flows of an hour: the same connections and peers whatever the order and the batches."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from actors.shard_state import packed, unpacked
from actors.traffic_bound import GROUP, bounded
from actors.traffic_window import COLUMNS, SELDOM, TrafficWindow, as_connections, chosen, merge
from ingest.records import TRAFFIC, address_words


def rows(*flows: dict[str, Any]) -> Any:
    out = np.zeros(len(flows), TRAFFIC)
    for row, flow in zip(out, flows, strict=True):
        values = {
            "service": 1,
            "forward": True,
            "packets": 5,
            "octets": 500,
            "client_port": 50_000,
            "start_us": 10,
            "end_us": 20,
            **flow,
        }
        for side in ("own", "peer"):
            row[f"{side}_hi"], row[f"{side}_lo"] = address_words(values.pop(side, "192.0.2.1"))
        for name, value in values.items():
            row[name] = value
    return out


NAMES = ["/vm/a", "/vm/b"]


def closed(*parts: Any) -> Any:
    window = TrafficWindow()
    for part in parts:
        window.add(part, ["f1", "f2"])
    return told(window)


def told(window: TrafficWindow) -> Any:
    """Each active resource's id, peers and listed peers."""
    traffic = window.close(0, NAMES)
    return [
        (traffic.names[one], traffic.peers(one), traffic.malicious(one)) for one in traffic.active().tolist()
    ]


def test_two_uniflows_of_one_connection_are_one_answered_connection() -> None:
    there = {"peer": "203.0.113.9"}
    back = {**there, "forward": False, "packets": 4}
    ((_, peers, _),) = closed(rows(there, back))
    (peer,) = peers["ssh", "in"]
    assert (peer.connections, peer.answered, peer.packets, peer.octets) == (1, True, 9, 1_000)


def test_a_long_connection_exported_every_minute_is_one_connection() -> None:
    parts = [{"peer": "203.0.113.9", "start_us": i * 60, "end_us": i * 60 + 60} for i in range(60)]
    ((_, peers, _),) = closed(rows(*parts))
    (peer,) = peers["ssh", "in"]
    assert (peer.connections, peer.short) == (1, 0)
    assert (peer.first_us, peer.last_us) == (0, 3_600)


def test_denied_connections_are_context_only() -> None:
    ((_, peers, _),) = closed(rows({"peer": "203.0.113.9", "denied": True}))
    (peer,) = peers["ssh", "in"]
    assert (peer.connections, peer.denied, peer.answered) == (0, 1, False)


def test_a_malicious_peer_is_named_with_its_most_telling_port_whatever_the_service() -> None:
    c2 = {"peer": "203.0.113.9", "service": 0, "malicious": True, "peer_port": 4444, "outgoing": True}
    ((_, peers, malicious),) = closed(rows(c2, {**c2, "client_port": 50_001}))
    assert peers == {}
    assert [(peer.connections, peer.port) for peer in malicious] == [(2, 4444)]


flow = st.fixed_dictionaries(
    {
        "entity": st.integers(0, 1),
        "peer": st.sampled_from(["203.0.113.9", "203.0.113.10", "2001:db8::1"]),
        "client_port": st.integers(50_000, 50_003),
        "service": st.integers(0, 2),
        "outgoing": st.booleans(),
        "forward": st.booleans(),
        "denied": st.booleans(),
        "malicious": st.booleans(),
        "packets": st.integers(0, 40),
        "octets": st.integers(0, 8_000),
        "start_us": st.integers(0, 5),
        "end_us": st.integers(5, 9),
        "source": st.integers(0, 1),
        "offset": st.integers(0, 3),
    }
)


@given(st.lists(flow, min_size=1, max_size=30), st.randoms(use_true_random=False), st.sampled_from([2, 100]))
def test_order_batches_saving_and_moving_leave_no_trace(
    flows: list[dict[str, Any]], chance: Any, most: int
) -> None:
    """Nor where an hour has more connections than are kept."""
    with patch("actors.traffic_window.bounded", partial(bounded, most=most)):
        _check(flows, chance)


def _check(flows: list[dict[str, Any]], chance: Any) -> None:
    straight = closed(rows(*flows))
    shuffled = list(flows)
    chance.shuffle(shuffled)
    cut = chance.randrange(len(shuffled) + 1)
    windows = [TrafficWindow(), TrafficWindow()]
    windows[0].add(rows(*shuffled[:cut]), ["f1", "f2"])
    windows[1].add(rows(*({**one, "source": 1 - one["source"]} for one in shuffled[cut:])), ["f2", "f1"])
    after = TrafficWindow()
    for window in windows:
        fresh = window.changes()
        for owner in np.unique(fresh["entity"]):  # key groups are shared out one by one
            some = chosen(fresh, fresh["entity"] == owner)
            after.restore(unpacked(packed(some), COLUMNS), window.sources.items())
    assert told(after) == straight


def test_a_flood_of_connections_costs_bounded_memory_and_hides_no_other_traffic() -> None:
    """Else one machine that everybody knocks at takes a shard down."""
    flood = np.repeat(rows({"peer": "203.0.113.9"}), 60_000)
    flood["client_port"] = np.arange(60_000)
    flood["peer_lo"] += np.arange(60_000, dtype=np.uint64) % np.uint64(7)
    others = rows({"peer": "203.0.113.9", "outgoing": True}, {"entity": 1}, {"service": 0, "malicious": True})
    kept = bounded(merge(as_connections(np.concatenate([flood, others]))), 1_000)
    group = list(zip(*(kept[name].tolist() for name in GROUP), strict=True))
    assert {one: group.count(one) for one in group} == {
        (0, 0, False): 1,
        (0, 1, False): 1_000,
        (0, 1, True): 1,
        (1, 1, False): 1,
    }
    shares = np.unique(kept["peer_lo"][[one == (0, 1, False) for one in group]], return_counts=True)[1]
    assert shares.max() < 2 * shares.min(), "whom the hashes leave is no matter of who it is"


def merges(*batches: tuple[int, int]) -> tuple[list[int], int]:
    """How many rows each merge had before it when as many came in turn, numbered up to as many connections; and
    how many rows were kept at most."""
    sizes, window, most, number = list[int](), TrafficWindow(), 0, 0

    def counted(some: Any) -> Any:
        sizes.append(len(some["entity"]))
        return merge(some)

    with patch("actors.traffic_window.merge", counted), patch("actors.traffic_window.MERGE_ROWS", 100):
        for count, different in batches:
            for _ in range(count // 50):
                batch = np.repeat(rows({"peer": "203.0.113.9"}), 50)
                batch["peer_lo"] += np.arange(number, number + 50, dtype=np.uint64) % np.uint64(different)
                number += 50
                window.add(batch, ["f"])
                most = max(most, window._waiting + len(window._merged["entity"]))
    return sizes, most


def test_connections_that_come_once_are_not_sorted_again_and_again() -> None:
    """Where all of them differ that was half of a shard's time: they are as many afterwards."""
    sizes, _ = merges((5_000, 1 << 30))
    assert sizes == [150, 800, 4_050]


def test_connections_that_come_again_are_not_piled_up() -> None:
    """Of a long connection that is exported every minute sixty rows would be kept, not one."""
    sizes, most = merges((20_000, 1_000))
    assert most <= (SELDOM + 1) * 1_000  # till it is known that they do
    assert max(sizes[3:]) < 2_100
    _, most = merges((1_000, 1 << 30), (40_000, 1_000))
    assert most <= (SELDOM + 1) * 2_000
