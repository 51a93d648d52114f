"""Times as logs write them: a wrong one moves an event to another hour, or every later event out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.times import epoch_us, epochs_us, path_us

AT = 1_767_607_201_500_000  # 2026-01-05T10:00:01.5Z
YEAR_2200 = 7_258_118_400_000_000


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05T10:00:01.5Z",
        "2026-01-05T10:00:01.5000000Z",
        "2026-01-05T10:00:01.500000999Z",
        " 2026-01-05T10:00:01.5z ",
        "2026-01-05T10:00:01.5",
        "2026-01-05 10:00:01.5",
        "2026-01-05 10:00:01.500 UTC",
        "2026-01-05 10:00:01.500 GMT",
        "2026-01-05T10:00:01,5Z",
        "2026-01-05T10:00:01.5000000+00:00",
        "2026-01-05T11:00:01.5+01:00",
        "2026-01-05T15:30:01.5+0530",
        "2026-01-05 02:00:01.5 -08:00",
        "1/5/2026, 10:00:01.500 AM",
        "01/05/2026 10:00:01.5 Z",
        "1/5/2026 10:00:01.5",
        "1767607201.5",
        "1767607201500",
        "/Date(1767607201500)/",
        1767607201.5,
        1767607201500,
        1767607201500000,
        1767607201500000000,
    ],
)
def test_one_moment_is_one_time_in_every_spelling(written: Any) -> None:
    assert epoch_us(written) == AT


@pytest.mark.parametrize(
    ("written", "hour"),
    [("1/5/2026 12:00:00 AM", 0), ("1/5/2026 12:00:00 PM", 12), ("1/5/2026 11:00:00 p.m.", 23)],
)
def test_noon_and_midnight_are_not_mistaken_for_each_other(written: str, hour: int) -> None:
    assert epoch_us(written) == epoch_us(f"2026-01-05T{hour:02d}:00:00Z")


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "2200-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "-2026-01-05T10:00:01Z",
        "2026-02-30T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-01-05T24:00:00Z",
        "2026-01-05T10:60:00Z",
        "2026-01-05T10:00:61Z",
        "2026-01-05T10:00:00+99:99",
        "2026-01-05T10:00:00+15:00",
        "1/5/2026 13:00:00 PM",
        "13/5/2026 10:00:00",
        "1/5/2026 25:00:00",
        "1/5/2026 10:61:00",
        "/Date(-62135596800000)/",
        "/Date(9999999999999999)/",
        "٢٠٢٦-01-05T10:00:01Z",
        "yesterday",
        "",
        " ",
        "-1",
        "0",
        "2026",
        "2026-01-05T10:00:01Z" * 5,
        "9" * 20,
        "9" * 60,
        0,
        -1,
        -1767607201,
        1e25,
        float("nan"),
        float("inf"),
        10**400,
        True,
        None,
        [],
        {},
        b"2026-01-05T10:00:01Z",
    ],
)
def test_what_is_no_time_of_a_log_is_none(written: Any) -> None:
    assert epoch_us(written) is None


def test_a_leap_second_counts_as_the_next_minute() -> None:
    assert epoch_us("2016-12-31T23:59:60Z") == epoch_us("2017-01-01T00:00:00Z")


@settings(derandomize=True, deadline=None)
@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - the offset is given apart
    st.integers(-14 * 60, 14 * 60),
)
def test_every_time_comes_back_to_the_microsecond(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert epoch_us(moment.isoformat()) == expected
    assert epoch_us(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")) == expected


@settings(derandomize=True, deadline=None)
@given(
    st.one_of(
        st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(\.[0-9]{1,9})?(Z|[+-][0-9]{4})?", fullmatch=True),
        st.from_regex(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4} [0-9]{1,2}:[0-9]{2}( [AP]M)?", fullmatch=True),
        st.from_regex(r"/Date\(-?[0-9]{1,17}\)/", fullmatch=True),
        st.text(max_size=40),
        st.integers(),
        st.floats(),
    )
)  # fmt: skip
def test_no_time_lies_outside_of_what_a_clock_can_show(written: Any) -> None:
    found = epoch_us(written)
    assert found is None or 0 <= found < YEAR_2200
    if found is not None:
        datetime.fromtimestamp(found / 1e6, UTC)


@pytest.mark.parametrize(
    ("path", "hour"),
    [
        ("logs/y=2026/m=01/d=05/h=10/m=00/PT1H.json", "2026-01-05T10:00:00Z"),
        ("logs\\y=2026\\m=01\\d=05\\h=10\\m=30\\PT1H.json", "2026-01-05T10:30:00Z"),
        ("logs/y=2026/m=01/d=05/h=10/PT1H.json.gz", "2026-01-05T10:00:00Z"),
        ("logs/y=9999/m=01/d=05/h=10/m=00/PT1H.json", None),
        ("logs/y=2026/m=13/d=05/h=10/m=00/PT1H.json", None),
        ("logs/2026/01/05/PT1H.json", None),
    ],
)
def test_a_folder_of_diagnostic_logs_says_its_hour(path: str, hour: str | None) -> None:
    assert path_us(path) == (epoch_us(hour) if hour else None)


DIGITS = st.text(st.sampled_from("0123456789"), min_size=1, max_size=12)
AZURE = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    st.sampled_from([1969, 1970, 2016, 2024, 2026, 2199, 2200, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 24),
    st.integers(0, 61),
    st.integers(0, 61),
    st.just("") | st.just(".") | DIGITS.map(".{}".format) | DIGITS.map(",{}".format),
    st.sampled_from(["Z", "Z", "Z", "z", "", "+01:00", " Z"]),
)
SPOILT = st.builds(
    lambda text, at, letter: text[: at % len(text)] + letter + text[at % len(text) + 1 :],
    AZURE,
    st.integers(0, 40),
    st.sampled_from("0Z:.T -\0é/²٣"),
)


@settings(deadline=None)
@given(st.lists(AZURE | SPOILT | st.text(max_size=33) | DIGITS, max_size=12))
@example(["2026-01-05T01:32:01.2691226Z"] * 3)
@example(["2026-01-05T01:32:01.2691226Z", "2026-02-30T01:32:01.2691226Z"])
@example(["2026-01-05T01:32:60Z", "2026-01-05T01:32:61Z"])
@example(["1969-12-31T23:59:59Z", "2199-12-31T23:59:60Z"])
@example([])
def test_times_read_at_once_are_read_as_one_by_one(texts: list[str]) -> None:
    """A record's hour must not hang on which records stand beside it."""
    assert epochs_us(texts).tolist() == [-1 if (one := epoch_us(text)) is None else one for text in texts]
