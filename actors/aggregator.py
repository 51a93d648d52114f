"""The aggregator closes an hour when every shard has reported it, and decides what needs a wider view."""

from __future__ import annotations

from typing import Any

import msgspec

from actors.account import Account
from actors.aggregator_state import VERSION, Changes, Raised, RunChanges, pack, unpack
from actors.known_alerts import KnownAlerts
from actors.messages import Found, Report
from actors.open_alerts import OpenAlerts
from actors.organisation import OrganisationView
from actors.outbox import Outbox
from actors.outcome import Fresh, Numbers, Outcome
from actors.settings import Settings
from actors.signs import family, independent_signs, signs_with
from actors.verdicts import Verdicts
from actors.wholes import parts_of_wholes
from alerts.alert import Alert, hour_of, order
from alerts.incidents import Incidents, incident_id
from baselines.tally import Tally
from detections.declare import Verdict
from ingest.enrich import Enrichment
from ingest.told_holders import Spans
from ingest.told_inventory import ToldInventory

OFFERED = 250  # alerts handed over at a time: 1 MB, and a moment in which nobody else writes to the store


class Aggregator:
    """Plain and single-threaded; the runtime hands it every shard's reports in any order."""

    def __init__(self, settings: Settings, enrichment: Enrichment) -> None:
        self.settings = settings
        self.organisation = OrganisationView(enrichment)
        self._account = Account()
        self._verdicts = Verdicts(settings, self.organisation, self._account.keep, self._account.note)
        self.incidents = Incidents()
        self._waiting: dict[int, dict[int, Report]] = {}  # hour -> shard -> its report
        self._late: list[Found] = []
        self._saved_late = 0
        self._known = KnownAlerts()
        self.organisation.closing = self._waiting
        self._open = OpenAlerts()
        self._outbox = Outbox()

    def report(self, report: Report, layers_since: dict[str, int] | None = None) -> list[Alert]:
        """Take a shard's report in; the hour's alerts if it was the last one missing."""
        self._account.count(report)
        self.hear([found for found in report.found if found.early or found.late])
        if layers_since:
            self.organisation.layers_since = layers_since
        if report.hour is None:
            return []
        reports = self._waiting.setdefault(report.hour, {})
        reports[report.shard] = report
        if len(reports) < self.settings.shards:
            return []
        del self._waiting[report.hour]
        return self._close(report.hour, [reports[shard] for shard in sorted(reports)])

    def hear(self, found: list[Found]) -> None:
        """Take in what a shard says of hours that are open, and of late records: it is to be told at once."""
        self._late += [one for one in found if one.late]
        if self._late and self.settings.streaming:
            for alert in _shadow_last(self._take_late()):
                self._join(alert)
                self._outbox.put(alert.id)
        for one in sorted((one for one in found if one.early), key=_place):
            verdict = None if one.type in self.settings.shadow else self._verdicts.early(one)
            if verdict is None:
                continue
            others = {family(type_) for type_ in self._open.of_entity(one.hour, one.kind, one.entity)}
            alert = self._verdicts.alert(one, verdict, len(others | {family(one.type)}))
            alert.complete, links = False, self._verdicts.links(one, verdict)
            alert.incident = self.incidents.likely(alert, one.hour, links)
            if self._open.add(Raised(alert, one.hour, links)):
                self._outbox.put(alert.id)

    def know(self, spans: Spans) -> None:
        """Who holds which address, where telemetry tells."""
        inventory = self.organisation.enrichment.inventory
        assert isinstance(inventory, ToldInventory)
        inventory.know(spans)

    def remember(self, told: list[Alert]) -> None:
        """What somebody was told of hours that are open again after a death: their close completes it or takes it back."""
        for alert in told:
            hour = hour_of(alert)
            if hour > self.organisation.hour:
                self._open.remember(Raised(alert, hour, ()))

    def _close(self, hour: int, reports: list[Report]) -> list[Alert]:
        self.organisation.close(hour, [fact for report in reports for fact in report.facts])
        tally = Tally()
        for report in reports:
            tally.merge(Tally.restore(report.tally))
        self.organisation.watch(tally)
        found = [one for report in reports for one in report.found if not (one.late or one.early)]
        self._verdicts.begin(hour)
        self._account.held_back(sum(number for report in reports for number in report.learning.values()))
        judged = [(one, self._verdicts.of(one)) for one in sorted(found, key=_place)]
        raised = [(one, verdict) for one, verdict in judged if verdict is not None]
        raised = parts_of_wholes(raised, self.settings.shadow)
        raised = [(one, self.organisation.repeats.lowered(one, verdict)) for one, verdict in raised]
        signs = independent_signs(raised, self.settings.shadow)
        alerts = [self._complete(one, verdict, signs_with(signs, one)) for one, verdict in raised]
        self._verdicts.budget.close(hour, tally, (report.judged for report in reports))
        self.organisation.close_population(hour, tally)
        if self.settings.streaming:
            self._hand_over(hour, sorted(alerts, key=order))
        return sorted(alerts, key=order)

    def _hand_over(self, hour: int, alerts: list[Alert]) -> None:
        """Put the hour's alerts where they are taken from."""
        for one in self._open.close(hour, {alert.id for alert in alerts}):
            if one.alert.id not in self._known:  # else late records bear it out
                self._known.know(one)
            self._outbox.put(one.alert.id)
        for alert in _shadow_last(alerts):
            self._join(alert)
            self._outbox.put(alert.id)
        self._known.forget_told(hour, self._outbox)
        self.incidents.forget(hour, self._known.incidents())

    def _join(self, alert: Alert) -> None:
        """Give an alert its incident; one in shadow has that which it would have, and joins nothing."""
        hour, links = self._known.links(alert.id)
        if alert.shadow:
            alert.incident = self.incidents.likely(alert, hour, links)
        else:
            self.incidents.add(alert, hour, links)

    def fresh(self, again: bool = True) -> Fresh:
        """What is to be told now, the oldest first and at most `OFFERED` alerts. An alert is told again until `taken`
        is called, but where it is not to come `again`; findings that raised no alert are told once."""
        kept, faults = self._account.take()
        told = self._outbox.offer(OFFERED, again)
        alerts = [self._open[id_] if id_ in self._open else self._known[id_] for id_ in told]
        for alert in alerts:
            alert.incident = self.incidents.root(alert.incident)
        shown = [alert for alert in alerts if not alert.shadow]
        return Fresh(shown, kept, faults, self._numbers(), [alert for alert in alerts if alert.shadow])

    def _numbers(self) -> Numbers:
        systems = self.organisation.enrichment.systems
        return msgspec.structs.replace(
            self._account.numbers(),
            waiting=len(self._outbox),
            unknown_systems=systems.failed,
            systems_fault=systems.fault,
        )

    def taken(self, ids: list[str]) -> None:
        """These alerts are in somebody's hands, as they were told last; what is newer is still to be told."""
        self._outbox.taken(ids)

    def _complete(self, one: Found, verdict: Verdict, signs: int) -> Alert:
        """The alert of a closed hour, with what late records of it said before: their source was behind others."""
        alert, late = self._raise(one, verdict, signs)
        if late is not None:
            _add_late(alert, late)
        return alert

    def _raise(self, one: Found, verdict: Verdict, signs: int) -> tuple[Alert, Alert | None]:
        """The alert, and what was known under its id."""
        alert = self._verdicts.alert(one, verdict, signs)
        known = self._known.get(alert.id)
        told = self._open.get(alert.id) or known
        if told is not None and told.incident == incident_id(alert):
            alert.joins = (told.incident,)  # until now it was an incident by itself
        # What was told as an alert while its hour was open is completed as one.
        if one.type in self.settings.shadow and alert.id not in self._open:
            alert.shadow = True
        if known is not None:  # a newer word on it
            if not known.withdrawn:
                alert.incident, alert.joins = known.incident, known.joins
        else:
            self._account.raised(alert)
        self._known.know(Raised(alert, one.hour, self._verdicts.links(one, verdict)))
        return alert, known

    def snapshot(self) -> Any:
        """The population of all closed hours, for the shards to judge by."""
        return self.organisation.population.snapshot()

    def finish(self) -> Outcome:
        """What the run came to: late records told, incidents joined, everything in its order."""
        self._take_late()
        alerts = list(self._known)
        for alert in sorted(alerts, key=lambda alert: (alert.start, bool(alert.shadow))):
            self._join(alert)
        for alert in alerts:
            alert.incident = self.incidents.root(alert.incident)
        systems = self.organisation.enrichment.systems
        outcome = self._account.outcome(alerts)
        outcome.unknown_systems, outcome.systems_fault = systems.failed, systems.fault
        return outcome

    def _take_late(self) -> list[Alert]:
        """Findings of records that came after their hour was closed: added to its alert, or a new one."""
        changed: dict[str, Alert] = {}
        for one in sorted(self._late, key=lambda one: (_place(one), one.finding.first_us)):
            verdict = self._verdicts.of(one)
            if verdict is None:
                continue
            alert, known = self._raise(one, verdict, 1)
            if known is not None and not known.withdrawn:
                _add_late(known, alert)
                self._known.put_back(known)
            changed[alert.id] = self._known[alert.id]
        self._late = []
        return list(changed.values())

    # State

    def changes(self) -> bytes:
        """What changed since the last time, packed: `actors.aggregator_state`."""
        if self._waiting:
            raise RuntimeError("an hour is half closed: save between hours")
        learned = self.organisation.changes()
        learned.incidents = self.incidents.state()
        raised, dropped = self._known.changes()
        streaming = self.settings.streaming
        run = RunChanges(
            raised,
            late=self._late if streaming else self._late[self._saved_late :],
            dropped=dropped,
            outbox=list(self._outbox),
            streaming=streaming,
            early=self._open.state(),
        )
        self._account.save(run)
        self._saved_late = len(self._late)
        return pack(Changes(VERSION, learned, run))

    def lasting(self) -> bytes:
        """All that later runs need once this one's alerts are delivered, packed."""
        self.organisation.mark()
        learned = self.organisation.changes()
        incidents = Incidents.restore(self.incidents.state())
        for alert in self._known:
            if not alert.shadow:
                incidents.add(msgspec.structs.replace(alert), *self._known.links(alert.id))
        incidents.forget(self.organisation.hour)
        learned.incidents = incidents.state()
        return pack(Changes(VERSION, learned))

    def load(self, body: bytes) -> None:
        """Take saved changes in, on top of what is known. Raises ValueError for another version."""
        saved = unpack(body)
        self.organisation.load(saved.learned)
        self.incidents = Incidents.restore(saved.learned.incidents, self.organisation.hour)
        run = saved.run
        if run is None:
            return
        self._known.load(run.raised, run.dropped)
        self._open.load(run.early)
        self._outbox = Outbox(id_ for id_ in run.outbox if id_ in self._known or id_ in self._open)
        self._late = run.late if run.streaming else [*self._late, *run.late]
        self._saved_late = len(self._late)
        self._account.load(run)


def _place(one: Found) -> tuple[int, str, str]:
    return one.hour, one.type, one.entity.lower()


def _shadow_last(alerts: list[Alert]) -> list[Alert]:
    """So that those in shadow find the incidents of the others of their hour."""
    return sorted(alerts, key=lambda alert: bool(alert.shadow))


def _add_late(alert: Alert, late: Alert) -> None:
    alert.count += late.count
    alert.first_seen = min(alert.first_seen, late.first_seen)
    alert.last_seen = max(alert.last_seen, late.last_seen)
    alert.evidence["late_records"] = alert.evidence.get("late_records", 0) + late.count
