"""What the actors need to know of the configuration, as plain values that travel."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from detections.catalogue import CATALOGUE, catalogue_hash
from detections.declare import Detection, Learning, Stated
from detections.expected import SHIPPED, Actor

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The same for all actors of a run; a shard refuses one whose catalogue differs from its own."""

    shards: int = 1
    lateness_us: int = 10 * MINUTE_US
    not_after_us: int | None = None  # records later than this have a wrong clock and are rejected
    sampling: int = 1  # one in N flows, where the export does not say
    batch_records: int = 40_000  # events gathered before they are sent: a megabyte or two
    silence_us: int = 5 * MINUTE_US  # after which a live source that says nothing holds no hour open
    # ... but one that can't be reached may have more: for so long hours wait for it
    outage_us: int = field(default=60 * MINUTE_US, repr=False)
    streaming: bool = False  # alerts are handed over hour by hour, not at the end
    checkpoints: bool = False  # whether what changes must be kept apart, to be saved
    lasts: bool = field(default=True, repr=False)  # at its end: what is learned is for later runs
    in_flight: int = 4  # batches a shard may be behind before the router waits
    disabled: frozenset[str] = frozenset()
    shadow: frozenset[str] = frozenset()  # these run and learn; their alerts are recorded apart
    learning_days: float | None = None  # in place of what the detections declare
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)  # type -> its own table
    expected: tuple[Actor, ...] = SHIPPED  # whose doing is no surprise: a doubt, and a step lower
    routers: int = field(default=1, repr=False)  # each reads a share of the sources; no alert hangs on it
    # Expected false alerts a day of all detections that state a chance; None: each has its declared threshold.
    budget: float | None = field(default=None, repr=False)
    # Who holds which address is also what telemetry tells while it is read.
    from_telemetry: bool = field(default=False, repr=False)
    catalogue: str = field(default_factory=catalogue_hash)

    def enabled(self, owner: str) -> tuple[Detection, ...]:
        """The detections of a kind of entity that are on, in the catalogue's order."""
        return tuple(d for d in CATALOGUE.values() if d.owner == owner and d.type not in self.disabled)

    def learning(self, detection: Detection) -> Learning | None:
        """A detection's learning period: as configured for it, for all, or as it declares."""
        declared = detection.learning
        if declared is None:
            return None
        days = self.parameters.get(detection.type, {}).get("learning_days", self.learning_days)
        return declared if days is None else Learning(float(days), declared.events)

    def parameters_of(self, type_: str) -> MappingProxyType[str, Any]:
        """A detection's own parameters, and the learning period that is set for all."""
        common = {} if self.learning_days is None else {"learning_days": self.learning_days}
        return MappingProxyType({**common, **self.parameters.get(type_, {})})

    def sharing_budget(self) -> dict[str, Stated]:
        """The detections that share the alert budget: they state a chance, are on, and have no threshold of their own."""
        if self.budget is None:
            return {}
        return {
            type_: one.stated
            for type_, one in CATALOGUE.items()
            if one.stated is not None
            and type_ not in self.disabled | self.shadow
            and not (one.stated.baseline and "threshold" in self.parameters.get(type_, {}))
        }
