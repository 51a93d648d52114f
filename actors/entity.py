"""What is kept of one entity between hours: its models, and the little that sequences need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.marks import Word
from baselines import codec

MAX_UNFINISHED = 1_000  # operations whose end has not come yet
MAX_RECENT = 2_000  # acts of the last hour that the next hour's sequences may need

VERSION = 3


class _About(msgspec.Struct, array_like=True):
    """What is said of an entity beside its models."""

    kind: str
    entity: str
    since_us: int
    events: int
    region: str
    words: list[Word] = []  # not there in what earlier versions wrote


_HOUR = 8  # octets
_encode = msgspec.msgpack.Encoder().encode
_outer = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw, msgspec.Raw]).decode
_about = msgspec.msgpack.Decoder(_About).decode
_models = msgspec.msgpack.Decoder(list[tuple[str, Any]]).decode


@dataclass(slots=True)
class EntityState:
    """One resource's, principal's or vault's memory."""

    kind: str
    entity: str  # its id, as it first came
    since_us: int
    last_hour: int
    events: int = 0
    models: dict[str, Any] = field(default_factory=dict)
    region: str = ""
    words: list[Word] = field(default_factory=list)  # what its latest findings held back

    def pack(self) -> bytes:
        """All of it. The last hour stands first, to be read without the rest (`last_hour_of`)."""
        words = [self.words] if self.words else []
        return self.last_hour.to_bytes(_HOUR, "big", signed=True) + _encode(
            (
                VERSION,
                [self.kind, self.entity, self.since_us, self.events, self.region, *words],
                [
                    [name, codec.pack(model)]
                    for name, model in sorted(self.models.items())
                    if model.stands_in_for is None
                ],
            )
        )

    @classmethod
    def unpack(cls, packed: bytes) -> EntityState:
        """The entity again. Raises ValueError for what is no entity of this version."""
        about, models = check_packed(packed)
        try:
            said = _about(about)
            read = {name: codec.unpack(model) for name, model in _models(models)}
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise ValueError(f"no saved entity ({error})") from None
        last_hour = last_hour_of(packed)
        return cls(
            said.kind, said.entity, said.since_us, last_hour, said.events, read, said.region, said.words
        )


def check_packed(packed: bytes) -> tuple[msgspec.Raw, msgspec.Raw]:
    """A look at a packed entity that reads no model. Raises ValueError for what is none of this version."""
    try:
        version, about, models = _outer(packed[_HOUR:])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"no saved entity ({error})") from None
    if version != VERSION:
        raise ValueError(f"entity state of version {version}; this version of Redshank reads {VERSION}")
    return about, models


def last_hour_of(packed: bytes) -> int:
    """The last hour in which a packed entity was active."""
    return int.from_bytes(packed[:_HOUR], "big", signed=True)
