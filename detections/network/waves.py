"""When the internet scans more, everybody sees more: what is then no sign of an attack on one (docs/decisions/0021)."""

from __future__ import annotations

from dataclasses import replace

from baselines.negative_binomial import upper_tails_of_active
from detections import counting
from detections.counting import CANDIDATE
from detections.declare import Finding, Verdict
from detections.organisation import Organisation

# So many resources, and such a share of them, that see unusually many sources in the same hour see a wave of scans.
WAVE_RESOURCES = 5
WAVE_SHARE = 0.2
# Where all resources together saw so many times as much as usual, the hour's alerts say so.
RISEN = 1.5


def of_all(baseline: str, chance: float, organisation: Organisation) -> str:
    """Why it is the internet's doing and not one against this resource; '' if it is not.

    Others must be surprised about half as much as this one: nobody hides an attack in a wave of his own making.
    """
    alike = max(counting.score(CANDIDATE), min(counting.score(chance), counting.HIGHEST_SCORE) / 2)
    seen, of = organisation.alike(baseline, alike)
    if seen < WAVE_RESOURCES or seen < WAVE_SHARE * of:
        return ""
    return f"a wave of scans: {seen} of the {of} resources that have such traffic saw unusually many in this hour"


def chance_in(finding: Finding, risen: float) -> float:
    """The own model's chance in an hour in which everybody saw so many times as much as usual.

    The internet scans more on some days than on others: then the few of a large fleet that such a day surprises most
    are not under attack, and too few for a wave by their number.
    """
    chance = finding.improbability or 0.0
    if risen <= 1.0 or finding.expected is None:
        return chance
    mean, scatter = finding.expected
    return max(chance, float(upper_tails_of_active(finding.count, mean * risen, scatter)))


def withheld(verdict: Verdict, risen: float) -> Verdict:
    """With what all saw before the reason."""
    return verdict if risen < RISEN else replace(verdict, withheld=f"{_more(risen)}; {verdict.withheld}")


def said(risen: float) -> tuple[str, ...]:
    """What is told of it with an alert."""
    return () if risen < RISEN else (f"{_more(risen)}: the chance is by that",)


def _more(risen: float) -> str:
    return f"all resources together saw {risen:.1f} times as many different sources as usual in this hour"
