"""What the aggregator has counted of a run, and what it keeps beside the alerts: findings that are none, and faults."""

from __future__ import annotations

from actors.aggregator_state import Kept, RunChanges
from actors.messages import Fault, Found, Report
from actors.outcome import Numbers, Outcome
from alerts.alert import Alert
from detections.words import rfc3339
from ingest.records import HOUR_US

MAX_FAULTS = 1_000  # that are kept until they are told
MAX_KEPT = 100_000  # findings kept that are no alerts; more are only counted


class Account:
    """Plain numbers; they go into the checkpoints with the run."""

    def __init__(self) -> None:
        self._kept: list[Kept] = []
        self._kept_total = 0
        self._saved_kept = 0
        self._faults: list[Fault] = []
        self._faulted = 0  # faults since this process began
        self._applied = 0
        self._filtered: dict[str, int] = {}
        self._entities: dict[int, int] = {}  # by shard
        self._entity_days = 0
        self._raised: dict[str, int] = {}  # by severity
        self._shadowed = 0  # alerts of detections in shadow
        self._expected = 0  # alerts told lower, for all who did it are expected to

    def count(self, report: Report) -> None:
        """What a shard says of its records and entities."""
        self._applied += report.applied
        for reason, number in report.filtered.items():
            self._filtered[reason] = self._filtered.get(reason, 0) + number
        self.note(report.faults)
        self._entities[report.shard] = report.entities
        self._entity_days += report.entity_days

    def note(self, faults: list[Fault]) -> None:
        """Faults of detections: all are counted, so many are kept."""
        self._faulted += len(faults)
        self._faults += faults[: max(0, MAX_FAULTS - len(self._faults))]

    def keep(self, one: Found, why: str, reason: str) -> None:
        """Keep a finding that raises no alert; one without a reason is only counted."""
        self._kept_total += 1
        if why and len(self._kept) < MAX_KEPT:
            start = rfc3339(one.hour * HOUR_US)
            self._kept.append(
                Kept(
                    type=one.type,
                    kind=one.kind,
                    entity=one.entity,
                    start=start,
                    why=why,
                    reason=reason,
                    evidence=one.finding.evidence,
                )
            )

    def held_back(self, findings: int) -> None:
        """So many that shards did not even say, for their entities still learn."""
        self._kept_total += findings

    def raised(self, alert: Alert) -> None:
        """An alert that was not known before."""
        if alert.shadow:
            self._shadowed += 1
        else:
            self._raised[alert.severity] = self._raised.get(alert.severity, 0) + 1
            self._expected += "expected_actors" in alert.evidence

    # What is told

    def take(self) -> tuple[list[Kept], list[Fault]]:
        """What was kept since the last time; it is told once."""
        kept, self._kept = self._kept, []
        faults, self._faults = self._faults, []
        return kept, faults

    def numbers(self) -> Numbers:
        """All that was counted so far."""
        entities, twice = sum(self._entities.values()), sum(self._filtered.values())
        return Numbers(
            self._applied,
            twice,
            entities,
            self._kept_total,
            self._faulted,
            dict(self._raised),
            dict(self._filtered),
            self._shadowed,
            self._expected,
        )

    def outcome(self, alerts: list[Alert]) -> Outcome:
        """What the run came to, with its alerts; everything else in its order."""
        return Outcome(
            alerts=[alert for alert in alerts if not alert.shadow],
            shadow=[alert for alert in alerts if alert.shadow],
            kept=sorted(self._kept, key=lambda kept: (kept.start, kept.type, kept.entity)),
            kept_total=self._kept_total,
            faults=sorted(self._faults, key=lambda fault: (fault.name, fault.hour, fault.entity)),
            applied=self._applied,
            late=0,
            filtered=dict(sorted(self._filtered.items())),
            entities=sum(self._entities.values()),
            entity_days=self._entity_days,
            expected=self._expected,
        )

    # State

    def save(self, run: RunChanges) -> None:
        """Put what changed since the last time, and the numbers, into the run's part of a checkpoint."""
        # A server tells what was kept as it comes: here is what waits for that.
        run.kept = list(self._kept) if run.streaming else self._kept[self._saved_kept :]
        run.faults, run.kept_total, run.applied = self._faults, self._kept_total, self._applied
        run.filtered, run.entity_days = self._filtered, self._entity_days
        run.numbers, run.shadowed, run.expected = self._raised, self._shadowed, self._expected
        self._saved_kept = len(self._kept)

    def load(self, run: RunChanges) -> None:
        """Take what was saved in, on top of what is known."""
        self._kept = list(run.kept) if run.streaming else self._kept + run.kept
        self._faults, self._kept_total, self._applied = run.faults, run.kept_total, run.applied
        self._filtered, self._entity_days = run.filtered, run.entity_days
        self._raised, self._shadowed, self._expected = run.numbers, run.shadowed, run.expected
        self._saved_kept = len(self._kept)
