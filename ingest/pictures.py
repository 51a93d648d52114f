"""What is told of who holds addresses, in the order in which it counts; which pictures are of the whole, and which of a part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ingest.holdings import Changed, Deleted, Extent, Key, Picture, Thing

PAGE, SMALL_PAGE = (
    1_000,
    100,
)  # rows at most of an answer of Azure Resource Graph; where no more are asked for
_ORDER = ("public", "interface", "machine")  # in a picture: what owns has the last word


def in_order(told: Iterable[Changed | Deleted | Picture]) -> list[Changed | Deleted | Picture]:
    """By time. Pictures of one time are one; what is told of a thing at a picture's time comes before it.

    One that does not say how much it is, and has as many things as full pages have, is a part.
    """
    pictures: defaultdict[int, dict[Key, Thing]] = defaultdict(dict)
    extents: defaultdict[int, set[Extent]] = defaultdict(set)
    rest: list[Changed | Deleted | Picture] = []
    for one in told:
        if isinstance(one, Picture):
            extents[one.at_us].add(one.extent)
            for thing in one.things:
                key: Key = (thing.kind, thing.id.lower())
                # Where two of one time tell otherwise it must not hang on which came first.
                pictures[one.at_us][key] = max(thing, pictures[one.at_us].get(key, thing))
        else:
            rest.append(one)
    whole = [
        Picture(
            at_us,
            tuple(things[key] for key in sorted(things, key=_owners_last)),
            _extent(extents[at_us], len(things)),
        )
        for at_us, things in pictures.items()
    ]
    return sorted([*rest, *whole], key=_place)


def is_full(rows: int) -> bool:
    """Whether so many rows may be pages of which others are missing.

    >>> is_full(100), is_full(200), is_full(1_000), is_full(3_000), is_full(3_001)
    (True, False, True, True, False)
    """
    return rows == SMALL_PAGE or (rows > 0 and rows % PAGE == 0)


def _extent(said: set[Extent], things: int) -> Extent:
    if "part" in said or (said != {"whole"} and is_full(things)):
        return "part"
    return "whole"


def _owners_last(key: Key) -> tuple[int, str]:
    return _ORDER.index(key[0]), key[1]


def _place(one: Changed | Deleted | Picture) -> tuple[int, int, str, str]:
    if isinstance(one, Picture):
        return one.at_us, 2, "", ""
    if isinstance(one, Changed):
        return one.at_us, 1, one.thing.id.lower(), repr(one)
    return one.at_us, 0, one.id.lower(), ""
