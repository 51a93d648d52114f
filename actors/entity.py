"""What is kept of one entity between hours: its models, and the little that sequences need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from baselines import codec
from detections.view import Act

MAX_UNFINISHED = 1_000  # operations whose end has not come yet
MAX_RECENT = 2_000  # acts of the last hour that the next hour's sequences may need

VERSION = 2


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

    def state(self, recent: Sequence[Act] = (), unfinished: Iterable[int] = ()) -> list[Any]:
        """All of it as MessagePack values, with what the last hour leaves to the next."""
        return [
            VERSION,
            [self.kind, self.entity, self.since_us, self.last_hour, self.events, self.region],
            [[name, codec.pack(model)] for name, model in sorted(self.models.items())],
            list(recent),
            sorted(unfinished),
        ]

    @classmethod
    def restore(cls, state: list[Any]) -> tuple[EntityState, list[Act], set[int]]:
        """The entity with that state, its acts of the last hour and what it has not finished. Raises ValueError for one of another version."""
        version, about, models, recent, unfinished = state
        if version != VERSION:
            raise ValueError(f"entity state of version {version}; this version of Redshank reads {VERSION}")
        kind, entity, since_us, last_hour, events, region = about
        entity_state = cls(
            kind,
            entity,
            since_us,
            last_hour,
            events,
            {name: codec.unpack(model) for name, model in models},
            region,
        )
        return entity_state, msgspec.convert(recent, list[Act]), set(unfinished)
