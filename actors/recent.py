"""An entity at its first hour, and what its last hour leaves to its next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from actors.entity import EntityState
from actors.keys import entity_key
from actors.messages import PRINCIPAL, VAULT
from detections.view import Act
from ingest.records import Event

NEVER = -24  # the last hour of an entity that was not active yet


class Recent(NamedTuple):
    """What an entity did in the last hour in which it was active."""

    hour: int
    acts: Sequence[Act]
    operations: frozenset[str]


NOT_RECENT = Recent(NEVER, (), frozenset())
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[list[Act], list[str]]).decode


def packed_recent(recent: Recent) -> bytes:
    """Acts and operations; nothing if there are no acts."""
    return _pack((list(recent.acts), sorted(recent.operations))) if recent.acts else b""


def unpacked_recent(hour: int, packed: bytes) -> Recent:
    """What was packed. Raises ValueError for what is no such thing."""
    try:
        acts, operations = _unpack(packed)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"no acts of an hour ({error})") from None
    return Recent(hour, acts, frozenset(operations))


def owner_keys(event: Event, owners: int) -> list[str]:
    """The keys of the entities a shard must apply an event to."""
    keys = []
    if owners & PRINCIPAL:
        keys.append(entity_key("principal", event.principal))
    if owners & VAULT:
        keys.append(entity_key("vault", event.vault))
    return keys


def new_state(kind: str, key: str, first: Event) -> EntityState:
    """An entity at its first hour; its id in the case of its first record."""
    entity = next(
        id_
        for id_ in (first.principal if kind == "principal" else first.vault, key.split(":", 1)[1])
        if entity_key(kind, id_) == key
    )
    return EntityState(kind, entity, first.at_us, NEVER, region=first.region)
