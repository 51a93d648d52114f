"""Who owns what: entity -> key group -> shard. The first mapping is fixed for ever."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

GROUPS = 4096


def entity_key(kind: str, entity: str) -> str:
    """The key an entity's state is kept under: ids are compared without case.

    >>> entity_key("vault", "/subscriptions/S1/Vaults/KV")
    'vault:/subscriptions/s1/vaults/kv'
    """
    return f"{kind}:{entity.lower()}"


@lru_cache(maxsize=1 << 18)
def group_of(key: str) -> int:
    """The key group of an entity's key, 0 to 4095.

    >>> group_of("vault:/subscriptions/s1/vaults/kv")
    3804
    """
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big") % GROUPS


def shard_of(group: int, shards: int) -> int:
    """The shard that owns a key group: each shard owns one range of groups.

    >>> [shard_of(group, 3) for group in (0, 1365, 1366, 4095)]
    [0, 0, 1, 2]
    """
    return group * shards // GROUPS


def groups_of(shard: int, shards: int) -> range:
    """The key groups that a shard owns.

    >>> groups_of(1, 3)
    range(1366, 2731)
    """
    first = -(-shard * GROUPS // shards)
    return range(first, -(-(shard + 1) * GROUPS // shards))
