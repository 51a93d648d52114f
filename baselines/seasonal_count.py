"""Counts an hour, against an entity's own slow mean, the organisation's week, and both's dispersion."""

from __future__ import annotations

from math import log10, sqrt
from typing import Any, Self

from baselines.base import Model, number, optional
from baselines.large_days import RARE, LargeDays, Said
from baselines.negative_binomial import upper_tails_of_active, zeros_beside

FORGET = 0.002  # of what is known an hour: a memory of about three weeks
PRIOR_COUNT = 0.25
PRIOR_HOURS = 12.0  # a new entity is taken for one of a count in two days, until it says more
SHRINK = 50.0  # how much of its own evidence an entity needs to have its own dispersion
LEAST_DISPERSION = 0.02
CAP = 8.0  # deviations beyond the mean that one observation may teach
# Those deviations are of at most that dispersion: who does a little more each day would widen them each day.
MOST_SPREAD = 2.0
# What is known counts so much less after each hour that is taught slowly: one such hour changes next to nothing, but
# where they follow each other day and night the level is another one, and known within days.
FADE = 0.02
# Before, a model knows too little of its entity to say what is a rare hour for it. Above so many times what is
# expected an hour may be one.
HOURS_TO_KNOW = 48
TIMES, MORE = 2.0, 2.0


class SeasonalCount(Model):
    """Negative binomial counts with forgetting.

    The mean is `S / E`: decayed counts over decayed exposure, where an hour's exposure is the profile of its
    hour of the week (1 = an average hour). This is the Gamma-Poisson update with discounting (West and
    Harrison, 1997); the doubt about the mean, 1 / S relative, adds to the dispersion, so that short histories
    are not overconfident. The dispersion comes from decayed sums of (x - mu)^2 - mu over mu^2, shrunk to the
    organisation's. Hours without an observation are zeros, settled in closed form.

    What is suspicious is taught at a small weight, and what is known fades a little with each such hour: so a burst
    leaves the mean as it was, and a level that stays is learned in days. What comes on some days, an hour each, is
    remembered apart (`baselines.large_days`), and a count is no less probable than those days say.

    Observations: `hour` (hours since 1970), `count`, and optionally `profile`, `dispersion` (the
    organisation's), `skipped` (sum of the profiles of the hours since the last observation).

    >>> model = SeasonalCount()
    >>> for hour in range(500):
    ...     model.learn_one({"hour": hour, "count": 5 + hour % 3})
    >>> round(model.mean(500), 1)
    5.8
    >>> model.score_one({"hour": 500, "count": 8}) < 1 < 4 < model.score_one({"hour": 500, "count": 60})
    True
    """

    VERSION = 3  # 2 knew nothing of large days
    READS = (2, 3)

    def __init__(self) -> None:
        self._counts = 0.0
        self._exposure = 0.0
        self._excess = 0.0  # decayed sum of (x - mu)^2 - mu
        self._squares = 0.0  # decayed sum of mu^2
        self._seasoned = False  # the sums above are of hours that were expected by a known profile
        self._first: int | None = None
        self._last: int | None = None
        self.large: LargeDays | None = None  # None: no hour was rare yet

    @property
    def last_hour(self) -> int | None:
        """Hour of the last observation."""
        return self._last

    def hours_learned(self, hour: int) -> float:
        """Hours between the first observation and the given hour."""
        return 0.0 if self._first is None else float(max(0, hour - self._first))

    def _settled(self, hour: int, skipped: float | None = None) -> tuple[float, float]:
        """Counts and exposure, with the silent hours before `hour` as zeros."""
        gap = 0 if self._last is None else max(0, hour - self._last - 1)
        if not gap:
            return self._counts, self._exposure
        kept = (1.0 - FORGET) ** gap
        mean_profile = 1.0 if skipped is None else skipped / gap
        return self._counts * kept, self._exposure * kept + mean_profile * (1.0 - kept) / FORGET

    def mean(self, hour: int, profile: float = 1.0) -> float:
        """The count to expect in an hour of that profile."""
        counts, exposure = self._settled(hour)
        return (counts + PRIOR_COUNT) / (exposure + PRIOR_HOURS) * profile

    def dispersion(self, organisation: float) -> float:
        """This entity's dispersion, shrunk to the organisation's."""
        weight = self._squares / (self._squares + SHRINK)
        own = self._excess / self._squares if self._squares > 0.0 else 0.0
        return max(LEAST_DISPERSION, weight * own + (1.0 - weight) * organisation)

    def scatter(self, hour: int, organisation: float) -> float:
        """The dispersion of a count in that hour, the doubt about the mean included."""
        counts, _ = self._settled(hour)
        return self.dispersion(organisation) + 1.0 / (counts + PRIOR_COUNT + 1.0)

    def tail(self, count: int, hour: int, profile: float = 1.0, dispersion: float = 0.5) -> float:
        """P(X >= count) in that hour, given that it is no hour of a zero, and what days with much say of it."""
        own = self.own_tail(count, hour, profile, dispersion)
        if self.large is None or own >= RARE:
            return own
        return max(own, self._said(self.large, count, hour, profile, dispersion).chance)

    def _said(self, large: LargeDays, count: int, hour: int, profile: float, dispersion: float) -> Said:
        def alone(level: int) -> float:
            return self.own_tail(level, hour, profile, dispersion)

        return large.said(count, hour, profile, alone)

    def came_before(
        self, count: int, hour: int, profile: float = 1.0, dispersion: float = 0.5
    ) -> Said | None:
        """The days with much that make that many less improbable than mean and scatter do; None where none do."""
        if self.large is None:
            return None
        said = self._said(self.large, count, hour, profile, dispersion)
        return said if said.chance > self.own_tail(count, hour, profile, dispersion) else None

    def own_tail(self, count: int, hour: int, profile: float = 1.0, dispersion: float = 0.5) -> float:
        """The same by mean and scatter alone."""
        if count < 1:
            return 1.0
        scatter = self.scatter(hour, dispersion)
        return float(upper_tails_of_active(int(count), self.mean(hour, profile), scatter))

    def score_one(self, x: dict[str, Any]) -> float:
        """-log10 of the tail."""
        hour = int(x.get("hour", self._last or 0))
        chance = self.tail(x.get("count", 0), hour, x.get("profile", 1.0), x.get("dispersion", 0.5))
        return -log10(chance) + 0.0

    def learn_one(self, x: dict[str, Any], w: float = 1.0) -> None:
        """Learn an hour's count. With w < 1 it is taken for what was expected and w of the rest."""
        hour, count = int(x.get("hour", 0)), float(x.get("count", 0))
        profile = float(x.get("profile", 1.0))
        late = self._last is not None and hour <= self._last
        if not late:
            self._remember(hour, int(count), profile, float(x.get("dispersion", 0.5)))
            held = 1.0 - FADE if w < 1.0 else 1.0
            counts, exposure = self._settled(hour, x.get("skipped"))
            self._counts, self._exposure = held * counts, held * exposure
        expected = (self._counts + PRIOR_COUNT) / (self._exposure + PRIOR_HOURS) * profile
        dispersion = self.dispersion(float(x.get("dispersion", 0.5)))
        spread = sqrt(expected + min(dispersion, MOST_SPREAD) * expected * expected)
        taught = expected + w * (min(count, expected + CAP * (1.0 + spread)) - expected)
        if late:  # its hour was settled as a zero already
            self._counts += taught
            return
        if profile != 1.0 and not self._seasoned:
            # What looked like scatter until now was the week's rhythm, and would blunt the tail for weeks.
            self._seasoned, self._excess, self._squares = True, 0.0, 0.0
        kept = 1.0 - FORGET
        if self._exposure > 24.0:
            unseen = zeros_beside(expected, dispersion) if count else 0.0
            excess = (taught - expected) ** 2 - expected + unseen * (expected * expected - expected)
            self._excess = self._excess * kept + excess
            self._squares = self._squares * kept + (1.0 + unseen) * expected * expected
        self._counts = self._counts * kept + taught
        self._exposure = self._exposure * kept + profile
        self._first = hour if self._first is None else self._first
        self._last = hour

    def _remember(self, hour: int, count: int, profile: float, dispersion: float) -> None:
        """Remember an hour that is rare by mean and scatter, flagged or not."""
        if self.large is not None:
            self.large.active += 1
        if self.hours_learned(hour) < HOURS_TO_KNOW or count <= TIMES * self.mean(hour, profile) + MORE:
            return
        if self.own_tail(count, hour, profile, dispersion) < RARE:
            if self.large is None:
                self.large = LargeDays(hour, 1)
            self.large.note(hour, count, profile)

    def state(self) -> list[Any]:
        """Four sums and two hours, whether the profile was known, and the large days."""
        sums = [self._counts, self._exposure, self._excess, self._squares]
        large = None if self.large is None else self.large.state()
        return [*sums, self._first, self._last, self._seasoned, large]

    @classmethod
    def restore(cls, state: list[Any], version: int) -> Self:
        """The model with that state."""
        if version not in cls.READS or len(state) != (7 if version == 2 else 8):
            raise ValueError(f"a SeasonalCount of version {version} can't be read")
        model = cls()
        model._counts, model._exposure = number(state[0], 0.0), number(state[1], 0.0)
        model._excess, model._squares = number(state[2]), number(state[3], 0.0)
        model._first, model._last = optional(state[4]), optional(state[5])
        model._seasoned = bool(state[6])
        if version > 2 and state[7] is not None:
            model.large = LargeDays.restore(state[7])
        return model
