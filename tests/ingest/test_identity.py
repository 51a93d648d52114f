"""A record read in a batch has the numbers that it has alone: else its second delivery would count again."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.identity import (
    content_hash,
    further_many,
    operation_of,
    operations_of,
    part_hash,
    text_hash,
    text_hashes,
    uid_of,
    uids_of,
)

ANY = st.text(st.characters(), max_size=40) | st.text(st.sampled_from("a\0é"), max_size=20)
LONG = st.builds(
    lambda text, times: (text * times)[:3_000],
    st.sampled_from(["a", "ab\0", "é", "x"]),
    st.integers(0, 3_000),
)
TEXTS = st.lists(ANY | LONG, max_size=12)
NUMBERS = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(TEXTS)
@example([])
@example(["", ""])
@example(["a\0", "a", "a\0\0", "\0", ""])
@example(["x" * 3_000, "x" * 2_999, ""])
@example(["\ud800", "a"])
def test_texts_hashed_at_once_are_hashed_as_one_by_one(texts: list[str]) -> None:
    assert text_hashes(texts).tolist() == list(map(text_hash, texts))


@given(st.lists(ANY, max_size=12, unique=True))
def test_different_texts_have_different_hashes(texts: list[str]) -> None:
    assert len(set(text_hashes(texts).tolist())) == len(texts)


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.integers(0, 2**53), ANY, st.booleans()), max_size=12))
def test_numbers_of_columns_are_those_of_each(records: list[tuple[int, int, str, bool]]) -> None:
    content = np.array([one for one, *_ in records], np.uint64)
    at_us = np.array([one[1] for one in records], np.int64)
    texts = [one[2] for one in records]
    correlations = text_hashes(texts)
    uids = uids_of(content, at_us, correlations).tolist()
    assert uids == [uid_of(one, at, text) for one, at, text, _ in records]
    assert all(0 <= uid < 1 << 63 for uid in uids)
    named = np.array([bool(text) and managed for *_, text, managed in records], bool)
    operations = operations_of(content, correlations, named).tolist()
    assert operations == [operation_of(one, text) if managed else 0 for one, _, text, managed in records]
    assert all((number != 0) == is_named for number, is_named in zip(operations, named.tolist(), strict=True))


@given(st.lists(st.lists(ANY, min_size=3, max_size=3), max_size=12))
def test_what_columns_say_is_what_each_record_says(records: list[list[str]]) -> None:
    content = np.zeros(len(records), np.uint64)
    for part in range(3):
        content = further_many(content, np.array([part_hash(one[part]) for one in records], np.uint64))
    assert (content >> np.uint64(1)).tolist() == [content_hash(*one) for one in records]


def test_where_one_part_ends_and_the_next_begins_counts() -> None:
    said = [("ab", "c"), ("a", "bc"), ("abc",), ("", "abc"), ("abc", ""), ("c", "ab"), ()]
    assert len({content_hash(*one) for one in said}) == len(said)
