"""A resource's id must be the same whoever is asked for it, and whether it is kept as text or made from an address."""

from __future__ import annotations

from ipaddress import IPv6Address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import networks
from ingest.networks import NumberedAddresses, words
from ingest.resource_ids import OWN, Addresses, ResourceIds, ToldIds, own_id, own_ids

NAMES = st.lists(st.sampled_from(["/vm/a", "/vm/B", "/vm/c", "ip:10.0.0.1"]), max_size=3)
FOURS = st.integers(0, 9).map(lambda low: 0xFFFF << 32 | 0x0A000000 | low)
SIXES = st.integers(0, 9).map(lambda low: 0x2001_0DB8 << 96 | low)
OWNS = st.lists(FOURS | SIXES, max_size=6, unique=True) | st.lists(FOURS, max_size=6, unique=True)


def own(numbers: list[int]) -> Addresses:
    rows = np.empty(len(numbers), OWN)
    rows["high"], rows["low"] = words(numbers)
    return rows


@given(NAMES, OWNS, st.data())
def test_what_is_told_is_found_under_its_number(
    names: list[str], addresses: list[int], data: st.DataObject
) -> None:
    """By several files, each of which tells some of them, and in another order."""
    meant = dict(enumerate([*names, *addresses], data.draw(st.integers(0, 3))))
    ids, known = ToldIds(), set[int]()
    for told in (
        data.draw(st.lists(st.lists(st.sampled_from(sorted(meant)), unique=True), max_size=5))
        if meant
        else ()
    ):
        named = [number for number in told if isinstance(meant[number], str)]
        own_ones = [number for number in told if number not in named]
        packed = own([int(meant[number]) for number in own_ones]).tobytes()
        ids.add(np.array(named + own_ones, np.int32), [str(meant[number]) for number in named], packed)
        known |= set(told)
        asked = data.draw(st.lists(st.sampled_from(sorted(known)))) if known else []
        expected = [one if isinstance(one := meant[number], str) else own_id(one) for number in asked]
        assert ids.some(np.array(asked, np.int64)) == expected


@given(NAMES, st.lists(OWNS, max_size=3))
def test_addresses_come_behind_the_names_of_a_file(names: list[str], owns: list[list[int]]) -> None:
    ids = ResourceIds(list(names))
    for addresses in owns:
        ids.add(*words(addresses))
    expected = [*names, *(own_id(address) for some in owns for address in some)]
    assert len(ids) == len(expected)
    assert ids.some(np.arange(len(ids))) == expected == [ids[number] for number in range(len(ids))]


@given(OWNS)
def test_many_are_called_as_each_one_is(addresses: list[int]) -> None:
    expected = [f"ip:{IPv6Address(one).ipv4_mapped or IPv6Address(one)}" for one in addresses]
    assert own_ids(own(addresses)) == expected == [own_id(address) for address in addresses]


@given(st.lists(st.lists(FOURS | SIXES, unique=True), max_size=8))
def test_addresses_keep_their_numbers_when_others_come(blocks: list[list[int]]) -> None:
    known, expected = NumberedAddresses(), dict[int, int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "FEW", 2)  # so that some are put among the others
        for block in blocks:
            found = known.numbers(*words(block)).tolist()
            assert found == [expected.get(address, -1) for address in block]
            new = sorted(address for address in block if address not in expected)
            numbers = range(len(expected), len(expected) + len(new))
            known.add(*words(new), np.array(numbers, np.int64))
            expected |= zip(new, numbers, strict=True)
            assert len(known) == len(expected)
