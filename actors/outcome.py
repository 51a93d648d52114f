"""What the aggregator hands over: at the end of a run, and to a server as it comes."""

from __future__ import annotations

import msgspec

from actors.aggregator_state import Kept
from actors.messages import Fault
from alerts.alert import Alert


class Outcome(msgspec.Struct, kw_only=True):
    """All that a run came to."""

    alerts: list[Alert]
    shadow: list[Alert] = []  # of detections in shadow: for whoever tries one
    kept: list[Kept]
    kept_total: int
    faults: list[Fault]
    applied: int
    late: int
    filtered: dict[str, int]
    entities: int
    entity_days: int  # days on which each entity was active, of all entities
    expected: int = 0  # alerts told lower, for all who did it are expected to
    unknown_systems: int = (
        0  # addresses whose network could not be looked up, for the database is damaged ...
    )
    systems_fault: str = ""  # ... and what it says of the first


class Numbers(msgspec.Struct):
    """Of all that the aggregator has seen."""

    applied: int
    twice: int  # delivered more than once
    entities: int
    kept: int
    faults: int
    raised: dict[str, int]  # alerts by severity
    filtered: dict[str, int]
    shadow: int = 0  # alerts of detections in shadow
    expected: int = 0  # alerts told lower, for all who did it are expected to
    unknown_systems: int = 0  # as of an `Outcome`
    systems_fault: str = ""


class Fresh(msgspec.Struct):
    """What is to be told now."""

    alerts: list[Alert]
    kept: list[Kept]
    faults: list[Fault]
    numbers: Numbers
    shadow: list[Alert] = []
