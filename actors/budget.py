"""The alert budget at an hour's close: so many false alerts a day, for the whole installation.

Thresholds hold for a day (UTC) and come from the 28 days before it, all of them closed: no order of arrival, no number
of shards and no restart changes them (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from actors.judged import Limit, limits
from actors.messages import Found
from actors.organisation import OrganisationView
from actors.settings import Settings
from baselines.tally import Tally
from detections.counting import score
from detections.declare import Verdict
from detections.words import odds, rounded


class Budget:
    """Without a budget nothing is counted, and nothing withheld."""

    def __init__(self, settings: Settings, organisation: OrganisationView) -> None:
        self._budget, self._organisation = settings.budget, organisation
        self._sharing = settings.sharing_budget()
        self._limits: dict[str, Limit] = {}
        self._day: int | None = None
        self._scores: dict[str, list[float]] = {}  # of the findings of the hour that is being closed
        self._told = self._withheld = 0  # of those

    def begin(self, hour: int) -> None:
        """Another hour is being closed."""
        self._scores, self._told, self._withheld = {}, 0, 0
        if self._budget is None or self._day == hour // 24:
            return
        self._day = hour // 24
        highest = {t: stated.most if stated.baseline else None for t, stated in self._sharing.items()}
        self._limits = limits(self._organisation.judged, self._day, self._budget, highest)

    def prepare(self, one: Found) -> None:
        """Before a count's finding is confirmed: the threshold is the budget's."""
        limit = self._limits.get(one.type)
        if limit is not None and self._sharing[one.type].baseline:
            told = {"threshold": rounded(limit.threshold), "alert_budget": self._budget}
            one.finding.evidence = {**one.finding.evidence, **told}

    def checked(self, one: Found, verdict: Verdict) -> Verdict:
        """The verdict, once all else is known: withheld where it is more probable than the budget lets through."""
        before, verdict = verdict, self._of(one, verdict)
        stated = self._sharing.get(one.type)
        if stated is None:
            return verdict
        if not verdict.withheld:
            self._told += 1
        elif (
            stated.baseline
        ):  # a count's threshold is the budget's: what it declares would have let it through
            chance = verdict.evidence.get("improbability")
            self._withheld += chance is not None and chance <= stated.most
        else:
            self._withheld += not before.withheld
        return verdict

    def _of(self, one: Found, verdict: Verdict) -> Verdict:
        stated, chance = self._sharing.get(one.type), one.finding.improbability
        if stated is not None and stated.baseline:  # measured where it is stated, and withheld there
            chance = verdict.evidence.get("improbability")
            if chance is not None and chance <= stated.most:
                self._scores.setdefault(one.type, []).append(score(chance))
            return verdict
        if stated is None or chance is None or verdict.withheld:
            return verdict
        self._scores.setdefault(one.type, []).append(score(chance))
        limit = self._limits.get(one.type)
        if limit is None:
            return verdict
        measured = limit.judged.chance(score(chance))
        told: dict[str, Any] = {
            "alert_budget": self._budget,
            "share_of_hours_as_improbable": rounded(measured),
            "share_limit": rounded(limit.threshold),
        }
        verdict = replace(verdict, evidence={**verdict.evidence, **told})
        if measured <= limit.threshold:
            return verdict
        said = (
            f"the alert budget is {self._budget:g} a day: findings as improbable as this come {odds(measured)} times, "
            f"the limit is {odds(limit.threshold)}"
        )
        return replace(verdict, withheld=said)

    def close(self, hour: int, tally: Tally, asked: Iterable[Mapping[str, int]]) -> None:
        """Count what was judged in the hour. `asked`: of each shard, entity-hours by detection."""
        self._organisation.spent.note(self._budget, hour // 24, self._told, self._withheld)
        if not self._sharing:
            return
        hours = {name: sums.surprises.hours for name, sums in tally.items()}
        shards = list(asked)
        for type_, stated in self._sharing.items():
            judged = (
                hours.get(stated.baseline, 0) if stated.baseline else sum(one.get(type_, 0) for one in shards)
            )
            if judged:
                self._organisation.judged.note(type_, hour // 24, judged, self._scores.get(type_, ()))
