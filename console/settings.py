"""What the console is made with: everything that it knows of the world comes in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from alerts.store.people import People
from alerts.store.store import AlertStore

if TYPE_CHECKING:
    from console.oidc import Provider

Mode = Literal["on", "shadow", "off"]


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How far a source was read."""

    name: str
    read_to: datetime | None
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """How the run stands that fills the store."""

    phase: str
    at: datetime
    read: int = 0
    late: int = 0
    rejected: int = 0
    lost: int = 0
    open_hours: int = 0
    watermark: datetime | None = None
    checkpoint: datetime | None = None
    sources: Sequence[SourceHealth] = ()
    faults: Sequence[str] = ()
    known_since: Mapping[str, datetime] = field(default_factory=dict)  # layer -> its first record


@dataclass(frozen=True, slots=True)
class DetectionSetting:
    """How a configuration has a detection."""

    mode: Mode
    learning_days: float | None  # None: it does not learn


@dataclass(frozen=True, slots=True)
class Settings:
    """A console's."""

    stores: Sequence[AlertStore]
    people: People
    local_name: str  # who it is where nobody signs in
    loopback: bool  # whether only this machine can reach it
    now: Callable[[], datetime]
    hosts: frozenset[str] = frozenset()  # names beside addresses by which it is called
    https: bool = False
    detections: Mapping[str, DetectionSetting] | None = None  # None: without a configuration nobody knows
    oidc: Provider | None = None
    health: Callable[[], Health | None] = lambda: None
