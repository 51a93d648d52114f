"""Which parts of a checkpoint to make one of, so that a restart does not read thousands.

Every epoch adds a part to each shard's chain. Parts at a chain's end are merged as soon as there are enough of
them, together with those before that are not much larger: each octet is written anew a few times in all (as
often as the logarithm of the state's size), and a chain stays a few dozen parts long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.checkpoints import Part

ENOUGH = 8  # parts that are merged at least
NOT_MUCH = 2  # a part so many times as large as all after it is merged with them, not a larger one


def chains(parts: Iterable[Part]) -> list[list[Part]]:
    """Parts of one kind and one range of key groups, in their order."""
    found: dict[tuple[str, int, int], list[Part]] = {}
    for part in parts:
        found.setdefault((part.kind, part.low, part.high), []).append(part)
    return list(found.values())


def worth_merging(chain: Sequence[Part]) -> Sequence[Part]:
    """The chain's end that is to become one part; nothing if it is too short."""
    begin, size = len(chain), 0
    while begin and (len(chain) - begin < 2 or chain[begin - 1].size <= NOT_MUCH * size):
        begin -= 1
        size += chain[begin].size
    end = chain[begin:]
    return end if len(end) >= ENOUGH else ()


def replaced(parts: Sequence[Part], old: Sequence[Part], new: Part) -> list[Part]:
    """The parts with one in place of several; as they are if some of those are not among them any more."""
    names = {part.name for part in old}
    if not names <= {part.name for part in parts}:
        return list(parts)
    out = []
    for part in parts:
        if part.name == old[-1].name:
            out.append(new)
        elif part.name not in names:
            out.append(part)
    return out
