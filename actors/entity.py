"""What is kept of one entity between hours: its models, and the little that sequences need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from baselines import codec
from detections.view import Act

MAX_UNFINISHED = 1_000  # operations whose end has not come yet
MAX_RECENT = 2_000  # acts of the last hour that the next hour's sequences may need

VERSION = 1


@dataclass(slots=True)
class EntityState:
    """One resource's, principal's or vault's memory."""

    kind: str
    entity: str  # its id, as it first came
    since_us: int
    last_hour: int
    events: int = 0
    models: dict[str, Any] = field(default_factory=dict)
    recent: list[Act] = field(default_factory=list)
    unfinished: set[str] = field(default_factory=set)
    region: str = ""

    def remember(self, acts: list[Act], unfinished: set[str], hour: int) -> None:
        """Keep the closed hour's acts for the sequences of the next, within bounds."""
        self.recent = acts[-MAX_RECENT:]
        self.unfinished = set(sorted(unfinished)[:MAX_UNFINISHED])
        self.last_hour = hour
        self.events += sum(act.count for act in acts)

    def state(self) -> list[Any]:
        """All of it as MessagePack values."""
        return [
            VERSION,
            [self.kind, self.entity, self.since_us, self.last_hour, self.events, self.region],
            [[name, codec.pack(model)] for name, model in sorted(self.models.items())],
            self.recent,
            sorted(self.unfinished),
        ]

    @classmethod
    def restore(cls, state: list[Any]) -> EntityState:
        """The entity with that state. Raises ValueError for one of another version."""
        version, about, models, recent, unfinished = state
        if version != VERSION:
            raise ValueError(f"entity state of version {version}; this version of Redshank reads {VERSION}")
        kind, entity, since_us, last_hour, events, region = about
        return cls(
            kind,
            entity,
            since_us,
            last_hour,
            events,
            {name: codec.unpack(model) for name, model in models},
            msgspec.convert(recent, list[Act]),
            set(unfinished),
            region,
        )
