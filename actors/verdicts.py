"""What the organisation-wide view makes of a finding: nothing, or an alert of some severity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from actors.budget import Budget
from actors.judging import MOST_LEARNING
from actors.messages import Fault, Found
from actors.organisation import OrganisationView
from actors.settings import Settings
from alerts.alert import Alert, make_alert, stepped
from detections.catalogue import CATALOGUE
from detections.declare import AtOnce, Detection, Verdict
from detections.doubts import doubts
from detections.expected import Expected, told
from detections.sign_ins import said_of
from ingest.records import HOUR_US

COMMON_ADDRESS = 5  # an address that so many principals use joins no incident
T = TypeVar("T")


class Verdicts:
    """Judges findings; what raises no alert goes to `keep` with why and the reason, our own errors to `note`."""

    def __init__(
        self,
        settings: Settings,
        organisation: OrganisationView,
        keep: Callable[[Found, str, str], None],
        note: Callable[[list[Fault]], None],
    ) -> None:
        self._settings, self._organisation = settings, organisation
        self._keep, self._note = keep, note
        self._expected = Expected(settings.expected)
        self.budget = Budget(settings, organisation)
        self._learning: dict[str, int] = {}  # by type, in the hour that is being closed

    def begin(self, hour: int) -> None:
        """Another hour is being closed."""
        self._learning = {}
        self.budget.begin(hour)

    def of(self, one: Found) -> Verdict | None:
        """What the organisation-wide view adds to a finding; None if it is no alert."""
        detection = CATALOGUE[one.type]
        if one.learning:
            if not self._room(one):
                return None
            period = self._settings.learning(detection)
            self._keep(one, "learning", f"still learning: {period.days:g} days are needed" if period else "")
            return None
        if one.excused:
            self._keep(one, "withheld", one.excused)
            return None
        if detection.address_rule and (moved := self._moved(one)):
            self._keep(one, "withheld", f"{moved} was not held by this resource for the whole hour")
            return None
        self.budget.prepare(one)
        verdict = self.budget.checked(one, self._confirm(detection, one))
        if verdict.withheld:
            self._keep(one, "withheld", verdict.withheld)
            return None
        return verdict

    def _confirm(self, detection: Detection, one: Found) -> Verdict:
        confirm, verdict = detection.confirm, Verdict()
        if confirm is not None:
            verdict = self._asked(one, lambda: confirm(one.finding, self._organisation), verdict)
        if verdict.withheld:
            return verdict
        return self._doubted(one, self._vouched_for(detection, one, verdict))

    def _vouched_for(self, detection: Detection, one: Found, verdict: Verdict) -> Verdict:
        """With what sign-ins say of it."""
        said = self._asked(
            one, lambda: said_of(one.finding, self._organisation, detection.vouched_for), Verdict()
        )
        # What was known of the caller already and a sign-in are one doubt, not two.
        steps = verdict.steps if verdict.steps < 0 else verdict.steps + said.steps
        against, evidence = (*verdict.against, *said.against), {**verdict.evidence, **said.evidence}
        return replace(verdict, against=against, evidence=evidence, steps=steps)

    def _doubted(self, one: Found, verdict: Verdict) -> Verdict:
        """With what the organisation says against it; one step lower where all who did it are expected to."""
        if one.kind != "resource" and not CATALOGUE[one.type].cloud_app_security:  # these ask it themselves
            nothing: tuple[str, ...] = ()
            said = self._asked(one, lambda: doubts(one.finding, self._organisation), nothing)
            verdict = replace(verdict, against=tuple(dict.fromkeys((*verdict.against, *said))))
        actors = self._expected.all_of(one.type, one.kind, one.entity, one.finding)
        if not actors:
            return verdict
        rows = [{"kind": actor.kind, "id": actor.id, "name": actor.name} for actor in actors]
        evidence = {**verdict.evidence, "expected_actors": rows}
        against = (*verdict.against, *told(actors))
        return replace(verdict, steps=verdict.steps - 1, against=against, evidence=evidence)

    def _asked(self, one: Found, ask: Callable[[], T], otherwise: T) -> T:
        """A detection's error is ours; the finding stands without the wider view."""
        try:
            return ask()
        except Exception as error:
            fault = Fault(one.type, one.entity, one.hour, f"confirm: {type(error).__name__}: {error}"[:300])
            self._note([fault])
            return otherwise

    def early(self, one: Found) -> Verdict | None:
        """What is known by now; None: it is told with its hour, or the hour is closed."""
        detection = CATALOGUE[one.type]
        if one.hour <= self._organisation.hour or detection.at_once is None:
            return None
        if not self._asked(one, lambda: self._is_sure(detection.at_once, one), False):
            return None
        verdict = self._confirm(detection, one)
        return None if verdict.withheld else verdict

    def _is_sure(self, how: AtOnce | None, one: Found) -> bool:
        return how is None or how.sure is None or how.sure(one.finding, one.hour, self._organisation)

    def _room(self, one: Found) -> bool:
        """Whether one more of the hour's findings of entities that are still learning is kept: all are counted."""
        self._learning[one.type] = self._learning.get(one.type, 0) + 1
        if self._learning[one.type] <= MOST_LEARNING:
            return True
        self._keep(one, "", "")
        return False

    def _moved(self, one: Found) -> str:
        """The first address that the resource did not hold for the whole hour, '' if there is none."""
        inventory = self._organisation.enrichment.inventory
        start = one.hour * HOUR_US
        own = one.own_addresses
        return next((a for a in own if not inventory.held_whole_hour(one.entity, a, start)), "")

    def alert(self, one: Found, verdict: Verdict, signs: int) -> Alert:
        """The alert; two independent signs of one entity make it graver."""
        detection = CATALOGUE[one.type]
        inventory = self._organisation.enrichment.inventory
        steps = (signs > 1) - one.finding.denied + verdict.steps
        base = (
            self._settings.parameters_of(one.type).get("severity")
            or one.finding.severity
            or detection.severity
        )
        one.finding.evidence = {**one.finding.evidence, **verdict.evidence}
        if verdict.against:
            told = list(one.finding.evidence.get("against", ()))
            one.finding.evidence["against"] = [*told, *verdict.against]
        if one.kind == "resource" and (service := inventory.managed_by(one.entity)):
            one.finding.evidence["managed_by"] = service
        region = inventory.region(one.entity) if one.kind == "resource" else ""
        return make_alert(
            detection, one.kind, one.entity, one.hour, one.finding, stepped(base, steps), region or one.region
        )

    def links(self, one: Found, verdict: Verdict) -> tuple[str, ...]:
        """What joins the alert with others."""
        finding = one.finding
        own = [x for x in finding.addresses if self._organisation.users_of_address(x) < COMMON_ADDRESS]
        groups = (
            ("principal", (*finding.principals, *verdict.principals)),
            ("address", own),
            ("vault", finding.vaults),
            ("resource", finding.resources),
        )
        keys = {f"{kind}:{value.lower()}" for kind, values in groups for value in values if value}
        return tuple(sorted(keys | {f"{one.kind}:{one.entity.lower()}"}))
