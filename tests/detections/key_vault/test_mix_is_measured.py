"""What an odd mix of operations says of its chance is what came, and not what the vault's model says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from actors.judging import Judge
from actors.settings import Settings
from baselines.mix import Mix
from baselines.population import Population
from baselines.tally import Tally
from detections.declare import Finding, Verdict
from detections.key_vault.unusual_operation_pattern import BASELINE, FEWEST, FEWEST_HOURS, THRESHOLD, confirm


def said(own: float, share: float | None) -> Verdict:
    """Of a mix that its model gives such a chance, where such a share of all vaults' hours was as strange."""
    found = Finding(evidence={"threshold": THRESHOLD}, first_us=1, last_us=2, count=40, improbability=own)
    everybody: Any = SimpleNamespace(
        chance=lambda baseline, score, count: share if baseline == BASELINE else 0.0
    )
    return confirm(found, everybody)


def test_the_chance_that_is_stated_is_the_measured_one() -> None:
    """Else 1 in 10,000 would come eighteen times as often."""
    verdict = said(1e-4, 0.002)
    assert not verdict.withheld
    assert verdict.evidence["improbability"] == pytest.approx(0.002)
    assert verdict.evidence["improbability_by_own_model"] == pytest.approx(1e-4)


def test_what_comes_with_all_vaults_is_no_alert() -> None:
    assert "the limit is" in said(1e-4, 0.1).withheld


def test_what_is_not_known_yet_is_said_with_it() -> None:
    verdict = said(1e-4, None)
    assert not verdict.withheld
    assert verdict.evidence["improbability"] > 1e-4
    assert any("too little" in line for line in verdict.against)


def _hour(counts: dict[str, int], model: Mix) -> Any:
    return SimpleNamespace(models={BASELINE: model}, hour=1_000, once=lambda what: counts)


def test_every_hour_that_is_judged_tells_of_itself_flagged_or_not() -> None:
    """Else the share would be of what was told alone."""
    judge, model, tally = Judge("vault", Settings()), Mix(), Tally()
    usual = {"SecretGet": 30, "SecretList": 3}
    for _ in range(FEWEST_HOURS - 1):
        judge._teach(judge.baselines[BASELINE], _hour(usual, model), set(), tally)
    assert not list(tally.items()), "the mix is not known yet"
    model.learn_one({"counts": usual})
    for counts in (usual, {"KeyDelete": 40}, {"SecretGet": FEWEST - 1}):
        judge._teach(judge.baselines[BASELINE], _hour(counts, model), {(BASELINE, "")}, tally)
    population = Population()
    population.close(1_000, tally)
    ((name, sums),) = tally.items()
    assert (name, sums.surprises.hours) == (BASELINE, 2), "of few operations nothing is judged"
    assert sums.surprises.at_least(2.0) == 1
    assert Population.restore(population.state()).state() == population.state()
