"""One scanner that knocks forty times comes to every machine some day: it must not be called one in ten million here."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np
import pytest

from baselines.population import Population
from baselines.seasonal_table import SeasonalTable
from baselines.sizes import RARE_SCORE, Sizes
from baselines.tally import Tally
from tests.baselines.synthetic import share_below

NAME = "counts"
MACHINES, HOURS, LEARNED = 60, 28 * 24, 8 * 24


def stated(seed: int, *, sized: bool) -> list[float]:
    """What alerts would state of the hours of machines that are scanned, a noisy one in some hundred of them."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(3.0, 0.6, MACHINES)
    table, population, everybody = SeasonalTable(), Population(), np.arange(MACHINES)
    said: list[float] = []
    for hour in range(HOURS):
        counts = rng.poisson(rates * rng.gamma(3.0, 1 / 3, MACHINES))
        noisy = rng.random(MACHINES) < 0.003
        counts = np.where(noisy, np.minimum(6 + rng.geometric(1 / 12, MACHINES), 40), counts)
        owners = everybody[counts > 0]
        numbers = counts[counts > 0]
        tails, tally = table.tails(owners, numbers, hour, 1.0, 0.5), Tally()
        for chance, count in zip(tails.tolist(), numbers.tolist(), strict=True):
            size = count if sized else None
            if hour >= LEARNED:
                known = population.chance(NAME, -log10(chance), size) if chance < 1e-2 else None
                said.append(chance if known is None else max(chance, known))
            if hour >= 48:
                tally.surprise(NAME, -log10(chance) + 0.0, size)
        table.learn(owners, numbers, hour, 1.0, 0.5, np.zeros(len(owners)), np.ones(len(owners)))
        population.close(hour, tally)
    return said


def test_a_noisy_scanner_is_called_as_rare_as_it_is() -> None:
    seeds = (1, 2)
    before = [chance for seed in seeds for chance in stated(seed, sized=False)]
    assert share_below(before, 1e-4) > 3e-4, "else the test says nothing"
    said = [chance for seed in seeds for chance in stated(seed, sized=True)]
    assert len(said) > 30_000
    assert share_below(said, 1e-4) <= 3e-4
    assert 1e-3 / 3 <= share_below(said, 1e-3) <= 3e-3


def scanned(hours: int = 60) -> Sizes:
    """What noisy scanners leave."""
    rng, seen = np.random.default_rng(4), Sizes()
    for count in np.minimum(6 + rng.geometric(1 / 12, hours), 40).tolist():
        seen.note(count)
    return seen


def test_an_attack_s_own_hours_do_not_excuse_it() -> None:
    seen = scanned()
    assert seen.chance(160, 20_000) < 1e-6
    for _ in range(8):
        seen.note(160)
    assert seen.chance(160, 20_000) < 1e-5


def test_before_much_is_known_nothing_is_said_of_sizes() -> None:
    assert scanned().chance(20, 400) == 0.0
    assert Sizes().chance(20, 40_000) == 0.0


def test_more_is_never_more_probable() -> None:
    said = [scanned().chance(count, 20_000) for count in range(1, 300)]
    assert said == sorted(said, reverse=True)


def test_only_what_is_rare_for_whom_it_belongs_to_counts() -> None:
    """Else a build machine's ninety connections an hour would excuse a hundred at a web server."""
    population = Population()
    for hour in range(1_000):
        tally = Tally()
        tally.surprise(NAME, RARE_SCORE - 0.1, 90)
        tally.surprise(NAME, 0.0, 90)
        population.close(hour, tally)
    assert population.chance(NAME, 5.0, 100) == population.chance(NAME, 5.0)


def test_a_restart_and_the_order_of_shards_change_nothing() -> None:
    one, other = Sizes(), Sizes()
    for count in (9, 12, 300, 12):
        one.note(count)
        other.note(count)
    both, turned = scanned(), Sizes()
    both.add(one)
    turned.add(other)
    turned.add(scanned())
    assert both.state() == turned.state() == Sizes.restore(both.state()).state()
    assert Sizes.restore(both.state()).chance(40, 9_000) == both.chance(40, 9_000)


@pytest.mark.parametrize("state", [[[1 << 70, 1]], [[-1, 1]], [[900_000, 1]]])
def test_a_damaged_size_is_refused(state: Any) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Sizes.restore(state)


def test_a_population_of_a_version_that_knew_no_sizes_is_read() -> None:
    population, tally = Population(), Tally()
    tally.surprise(NAME, 3.0, 30)
    population.close(5, tally)
    first, last, rows = population.state()
    again = Population.restore([first, last, [row[:-1] for row in rows]])
    assert again.chance(NAME, 3.0, 30) is None
    assert again.state()[2][0][-1] == []
