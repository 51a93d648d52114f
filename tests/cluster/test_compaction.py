"""Chains of parts stay short, at a bounded price, and merged parts say what the several did."""

from __future__ import annotations

from math import log

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.compaction import ENOUGH, chains, replaced, worth_merging
from cluster.manifest import Part


def part(name: str, size: int, kind: str = "shard", low: int = 0) -> Part:
    return Part(name, size, b"", kind, low, low + 1)


sizes = st.lists(
    st.one_of(st.integers(1, 100), st.integers(1, 1 << 40), st.sampled_from([1, 3, 9, 27])), max_size=300
)


@settings(deadline=None)
@given(sizes, st.integers(0, 5))
def test_a_chain_is_as_long_as_the_logarithm_of_its_size(given_sizes: list[int], under_way: int) -> None:
    """Whatever the sizes, and if some more parts come while others are being merged."""
    parts: list[Part] = []
    merging: tuple[int, list[Part]] | None = None
    held: dict[str, list[str]] = {}  # what each part is made of
    rewritten = 0
    for number, size in enumerate(given_sizes):
        parts.append(part(str(number), size))
        held[str(number)] = [str(number)]
        if merging is None and (old := list(worth_merging(parts))):
            assert len(old) >= ENOUGH
            assert old == parts[-len(old) :], "the chain's end, in its order"
            merging = number + under_way, old
        if merging is not None and merging[0] <= number:
            new = part(f"m{number}", sum(one.size for one in merging[1]))
            held[new.name] = [name for one in merging[1] for name in held[one.name]]
            rewritten += new.size
            parts, merging = replaced(parts, merging[1], new), None
        assert [name for one in parts for name in held[one.name]] == [str(n) for n in range(number + 1)]
    total = sum(given_sizes)
    if total:
        levels = log(total, 3) + 2
        assert len(parts) <= ENOUGH * levels + 2 * under_way
        assert rewritten <= 2 * total * (log(total, 1.5) + 2)


kinds = st.tuples(st.sampled_from(["shard", "aggregator"]), st.integers(0, 2))


@given(st.lists(kinds, max_size=30))
def test_chains_are_by_kind_and_range_and_keep_their_order(given_kinds: list[tuple[str, int]]) -> None:
    parts = [part(str(n), 1, kind, low) for n, (kind, low) in enumerate(given_kinds)]
    found = chains(parts)
    assert sorted(int(one.name) for chain in found for one in chain) == list(range(len(parts)))
    for chain in found:
        assert len({(one.kind, one.low, one.high) for one in chain}) == 1
        assert [int(one.name) for one in chain] == sorted(int(one.name) for one in chain)


def test_several_parts_give_their_place_to_one() -> None:
    a, b, c, other, later = (part(name, 1) for name in "abcol")
    new = part("n", 3)
    assert replaced([a, b, other, c, later], [a, b, c], new) == [other, new, later]
    assert replaced([a, other, c, later], [a, b, c], new) == [a, other, c, later], (
        "one is not needed any more"
    )
