"""What feeds have said, hour by hour: a replay of old records is judged by what was listed on that day."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import feed_history
from ingest.errors import ConfigurationError
from ingest.feed_history import Histories, History, unpacked
from ingest.networks import ALWAYS_US, FOREVER_US, parse_network
from ingest.records import HOUR_US
from ingest.threat_intel import Entry, Indicator, Indicators
from tests.ingest.feeds import TOR

ADDRESSES = [f"198.51.100.{n}" for n in range(4)]
LINES = st.tuples(
    st.sampled_from(ADDRESSES),
    st.sampled_from([ALWAYS_US, 0, 2 * HOUR_US, 5 * HOUR_US]),
    st.sampled_from([6 * HOUR_US, 9 * HOUR_US, FOREVER_US]),
)
VERSIONS = st.lists(st.tuples(st.integers(0, 3), st.lists(LINES, max_size=5)), min_size=1, max_size=8)


def entry(value: str, start_us: int = ALWAYS_US, end_us: int = FOREVER_US) -> Entry:
    return Entry(Indicator(value, TOR, "tor"), parse_network(value), start_us, end_us)


def listed(history: History, hour: float) -> list[str]:
    found = Indicators(history.entries())
    return [one for one in ADDRESSES if found.categories(one, int(hour * HOUR_US))]


@given(VERSIONS)
def test_each_hour_is_judged_by_the_version_of_that_hour(
    versions: list[tuple[int, list[tuple[str, int, int]]]],
) -> None:
    """Whatever came later, and however often the state was saved meanwhile."""
    history, hour, said = History(TOR, "tor"), 0, list[tuple[int, list[tuple[str, int, int]]]]()
    for number, (after, lines) in enumerate(versions):
        hour = hour + after if number else -1
        at_us = hour * HOUR_US if number else ALWAYS_US
        history.take([entry(*line) for line in lines], at_us)
        said.append((hour, lines))
        history = unpacked(Histories({"tor": history}).packed()).feeds["tor"]
    for hour in range(-1, 30):
        at_us = hour * HOUR_US + 1
        lines = next(lines for since, lines in reversed(said) if since <= hour)
        assert listed(history, hour + 1e-6) == sorted({v for v, start, end in lines if start <= at_us < end})


def test_a_feed_that_never_changed_is_what_it_was_without_any_history() -> None:
    """Else whoever has a plain file would get other alerts than before."""
    entries = [entry("198.51.100.1"), entry("198.51.100.0/30", 5, 10)]
    history = History(TOR, "tor")
    assert history.take(entries, ALWAYS_US)
    assert not history.take(reversed(entries), 7 * HOUR_US)
    assert sorted(history.entries()) == sorted(entries)


def test_an_address_that_comes_and_goes_is_kept_once_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year of hourly versions must not fill the memory."""
    history = History(TOR, "tor")
    for hour in range(100):
        end_us = (1_000 + hour) * HOUR_US  # 'last seen' moves with each version
        history.take([entry("198.51.100.1", 0, end_us)], hour * HOUR_US)
    assert (len(history.standing), len(history.past)) == (1, 1)
    assert listed(history, 50) == listed(history, 1_098) == ["198.51.100.1"]
    monkeypatch.setattr(feed_history, "MOST_PAST", 2)
    for hour in range(100, 110):
        history.take([entry(ADDRESSES[hour % 2])], hour * HOUR_US)
    assert len(history.past) <= 2
    assert history.forgotten > 0
    assert listed(history, 107) == [ADDRESSES[1]], "those that ended last are known"


def test_a_version_never_counts_from_before_the_one_before_it() -> None:
    """Or what was judged already would have been judged by something else."""
    history = History(TOR, "tor")
    history.take([entry(ADDRESSES[0])], ALWAYS_US)
    history.take([entry(ADDRESSES[1])], 9 * HOUR_US)
    history.take([entry(ADDRESSES[2])], 3 * HOUR_US)
    assert [listed(history, hour) for hour in (8, 9)] == [[ADDRESSES[0]], [ADDRESSES[2]]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"version": 2, "feeds": {}}),
        msgspec.msgpack.encode({"version": 1, "feeds": {"a": {"category": TOR}}}),
        msgspec.msgpack.encode(
            Histories({"a": History(TOR, "a", standing={("no address", 0, 1): 0})}),
        ),
    ],
)
def test_what_is_no_history_is_refused_in_one_line(body: bytes) -> None:
    with pytest.raises(ConfigurationError, match="what is kept of the feeds can't be read") as raised:
        unpacked(body)
    assert "\n" not in str(raised.value)
