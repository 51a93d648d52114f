"""Entries of feeds as columns: the same as they were given, and small in every process that has them."""

from __future__ import annotations

import gc
import pickle
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.networks import ALWAYS_US, FOREVER_US, parse_network
from ingest.threat_intel import CATEGORIES, Entry, Indicator, Indicators
from ingest.threat_intel_entries import Entries

TIMES = st.sampled_from([ALWAYS_US, -1, 0, 1, FOREVER_US - 1, FOREVER_US])
ENTRIES = st.builds(
    lambda text, address, category, feed, start_us, end_us: Entry(
        Indicator(text, category, feed), parse_network(address), start_us, end_us
    ),
    st.text(max_size=9),
    st.sampled_from(["198.51.100.1", "198.51.100.0/25", "198.48.0.0/12", "2001:db8::1", "2001:db8::/40"]),
    st.sampled_from(CATEGORIES),
    st.sampled_from(["one", "another"]),
    TIMES,
    TIMES,
)


def many(count: int) -> list[Entry]:
    """Of as many different addresses."""
    values = [f"198.{51 + number // 65_536}.{number // 256 % 256}.{number % 256}" for number in range(count)]
    return [
        Entry(Indicator(value, CATEGORIES[2], "tor"), parse_network(value), number, FOREVER_US)
        for number, value in enumerate(values)
    ]


@given(st.lists(ENTRIES, max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_what_a_feed_says_comes_back_as_it_was(given: list[Entry], piece: int) -> None:
    """An alert shows the line of the feed, once: its text, its feed and its times."""
    expected = list(dict.fromkeys([*given, *given[::2]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.threat_intel_entries.PIECE", piece)
        held = Entries([*given, *given[::2]])
    assert list(held) == expected
    assert [held[number] for number in range(len(held))] == expected
    assert held.counts() == {
        feed: sum(entry.indicator.feed == feed for entry in expected)
        for feed in {entry.indicator.feed for entry in expected}
    }


def test_a_large_feed_is_no_heap_of_objects() -> None:
    """Else a million entries that have ended take a gigabyte, in the server and in each of its actors."""
    gc.collect()
    before = sys.getallocatedblocks()
    indicators = Indicators(many(5_000))
    gc.collect()
    assert sys.getallocatedblocks() - before < 2_500
    assert len(indicators) == 5_000


def test_another_process_maps_a_large_feed_and_copies_none_of_it() -> None:
    """Ray gives an actor the arrays where they stand; whatever else there is each of them unpacks for itself."""
    apart: list[pickle.PickleBuffer] = []
    indicators = Indicators(many(5_000))
    packed = pickle.dumps(indicators, 5, buffer_callback=apart.append)
    assert len(packed) < 10_000
    there = pickle.loads(packed, buffers=[bytes(one) for one in apart])
    assert there.lookup("198.51.1.7", 1_000) == (Indicator("198.51.1.7", CATEGORIES[2], "tor"),)
    assert list(there.entries) == list(indicators.entries)


def test_who_is_in_a_hurry_can_leave_a_large_feed_half_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is told to stop amid a change would work at it for a minute, on a machine that is busy."""
    monkeypatch.setattr("ingest.threat_intel_entries.PIECE", 10)
    asked, given = [], iter(many(1_000))

    def check() -> None:
        asked.append(None)
        if len(asked) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        Indicators(given, check)
    assert len(list(given)) == 970
