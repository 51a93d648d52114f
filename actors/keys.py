"""Who owns what: entity -> key group -> shard. The first mapping is fixed for ever."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

GROUPS = 4096


def entity_key(kind: str, entity: str) -> str:
    """The key an entity's state is kept under: ids are compared without case.

    >>> entity_key("vault", "/subscriptions/S1/Vaults/KV")
    'vault:/subscriptions/s1/vaults/kv'
    """
    return f"{kind}:{entity.lower()}"


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8).digest()


@lru_cache(maxsize=1 << 18)
def group_of(key: str) -> int:
    """The key group of an entity's key, 0 to 4095.

    >>> group_of("vault:/subscriptions/s1/vaults/kv")
    3804
    """
    return int.from_bytes(_digest(key), "big") % GROUPS


def group_column(keys: Iterable[str]) -> npt.NDArray[np.int16]:
    """The key group of each of many keys, none of which is remembered: for those that are met for the first time.

    >>> group_column(["vault:/subscriptions/s1/vaults/kv", "principal:ada"]).tolist()
    [3804, 1930]
    """
    digests = np.frombuffer(b"".join(map(_digest, keys)), ">u8")
    return (digests % GROUPS).astype(np.int16)


def shard_of(group: int, shards: int) -> int:
    """The shard that owns a key group: each shard owns one range of groups.

    >>> [shard_of(group, 3) for group in (0, 1365, 1366, 4095)]
    [0, 0, 1, 2]
    """
    return group * shards // GROUPS


def shard_column(groups: npt.NDArray[np.int16], shards: int) -> npt.NDArray[np.int64]:
    """`shard_of` of a column.

    >>> shard_column(np.array([0, 1365, 1366, 4095], np.int16), 3).tolist()
    [0, 0, 1, 2]
    """
    return groups.astype(np.int64) * shards // GROUPS


def groups_of(shard: int, shards: int) -> range:
    """The key groups that a shard owns.

    >>> groups_of(1, 3)
    range(1366, 2731)
    """
    first = -(-shard * GROUPS // shards)
    return range(first, -(-(shard + 1) * GROUPS // shards))
