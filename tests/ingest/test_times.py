"""Times as logs write them: a wrong one moves an event to another hour, or every later event out of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.times import epoch_us, path_us

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
