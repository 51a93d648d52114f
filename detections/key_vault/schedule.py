"""Jobs that come at their hour of the day, and may one day do more of the same.

A month-end batch reads in its nightly hour what it reads each night, twelve times over. Whoever holds its identity and sits
at its address gets nothing by that which a quiet night would not give: that is what makes it the last thing to look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from detections.declare import Finding
from detections.key_vault.bursts import BASELINE as BURSTS_BASELINE
from detections.key_vault.bursts import acts_of
from detections.key_vault.habits import habit
from detections.key_vault.met import Part, met
from detections.key_vault.operations import READS, SIZES
from detections.organisation import Organisation
from detections.view import Hour

BASELINE = "vault_schedule"
DAYS = 7  # on which a job must have come at its hour, the last time within as many
FEW_HOURS = 6  # of the day; who comes in more has no hour of its own
LATE_HOURS = 3  # by which a job may run over: more of the same takes longer


class Scheduled(NamedTuple):
    """What a job did in this hour beside what it does at that time of the day."""

    who: str
    at: int  # its hour of the day, UTC
    days: int
    objects: int  # different ones that it touched
    usual: int  # calls that it makes each time: it can't have touched more


def _observe(hour: Hour) -> list[str]:
    of_day = hour.hour % 24
    return [
        f"{who}|{operation}|{of_day}"
        for (who, operation), count in hour.once(met).parts.items()
        if count >= SIZES[0] and operation in READS
    ]


def scheduled(hour: Hour, wanted: Mapping[Part, int]) -> list[Scheduled]:
    """Each large part as a job's, in its own hour and with no more objects than ever; none if one is not."""
    big = [part for part, count in wanted.items() if count >= SIZES[0]]
    jobs = [_job(hour, part) for part in sorted(big)]
    return [job for job in jobs if job is not None] if all(jobs) else []


def _job(hour: Hour, part: Part) -> Scheduled | None:
    who, operation = part
    model = hour.models[BASELINE]
    known = {of_day: f"{who}|{operation}|{of_day}" for of_day in range(24)}
    hours = [of_day for of_day, key in known.items() if model.times(key) > 1]
    own = [of_day for of_day in hours if _settled(model, known[of_day], hour.hour)]
    near = [of_day for of_day in own if (hour.hour - of_day) % 24 <= LATE_HOURS]
    if not near or len(hours) > FEW_HOURS:
        return None
    items = {act.event.item for act in acts_of(hour, {part: 0})}
    usual = _usual_calls(hour, who, operation)
    if len(items) > usual or not all("/" in item for item in items):
        return None
    at = min(near, key=lambda of_day: (hour.hour - of_day) % 24)
    return Scheduled(who, at, int(model.times(known[at])), len(items), usual)


def _settled(model: Any, key: str, hour: int) -> bool:
    last = model.last_hour(key)
    return last is not None and model.times(key) >= DAYS and hour - last <= DAYS * 24


def _usual_calls(hour: Hour, who: str, operation: str) -> int:
    """The most calls that it made on at least so many days, to a step of size."""
    model = hour.models[BURSTS_BASELINE]
    steps = [step for step in range(len(SIZES)) if model.times(f"{who}|{operation}|{step}") >= DAYS]
    return SIZES[min(steps[-1] + 1, len(SIZES) - 1)] - 1 if steps else 0


def told(jobs: list[Scheduled]) -> list[dict[str, Any]]:
    """As evidence."""
    return [job._asdict() | {"at": f"{job.at:02}:00"} for job in jobs]


def at_their_hour(found: Finding, organisation: Organisation) -> tuple[str, ...]:
    """What speaks for a finding that is all of such jobs, from addresses that are long theirs; () where it is not."""
    rows = found.evidence.get("scheduled", [])
    own = all(
        any(organisation.days_with_address(one, address) >= DAYS for one in found.principals)
        for address in found.addresses
    )
    if not rows or not own or not found.addresses:
        return ()
    return tuple(
        f"{row['who']} has come at about {row['at']} UTC on {row['days']} days before, from the same addresses, and read no "
        f"more different objects ({row['objects']}) than it reads then: more of the same"
        for row in rows
    )


SCHEDULE = habit(BASELINE, _observe, news=False)
