"""Whether a stated improbability is true: what a model calls one in a thousand comes about once in a thousand."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from baselines import Idle, Mix, Novelty, SeasonalCount
from baselines.negative_binomial import upper_tail, zeros_beside
from tests.baselines.synthetic import World, chances, share_below, stated

LEARNED = 420  # hours after which the profile of the week is known to everybody


def _exact_tail(count: int, mean: Fraction, size: int) -> float:
    """P(X >= count) of the negative binomial of whole size, by sums of fractions."""
    ratio = mean / (size + mean)
    term, below = (1 - ratio) ** size, Fraction(0)
    for k in range(count):
        below += term
        term *= Fraction(k + size, k + 1) * ratio
    return float(1 - below)


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize(
    "mean", [Fraction(1, 100), Fraction(3, 2), Fraction(40)], ids=["rare", "few", "many"]
)
def test_the_tail_is_exact_where_the_product_states_it(mean: Fraction, size: int) -> None:
    for count in (0, 1, 2, 5, 39, 40, 41, 60, 120):
        exact = _exact_tail(count, mean, size)
        if exact > 1e-250:
            assert upper_tail(count, float(mean), 1.0 / size) == pytest.approx(exact, rel=1e-9)


def test_the_tail_agrees_with_scipys_for_sizes_that_are_not_whole() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = random.Random(1)
    for _ in range(300):
        mean, dispersion = math.exp(rng.uniform(-5, 7)), math.exp(rng.uniform(-9, 2))
        count = int(mean * math.exp(rng.uniform(-2, 2.5))) + rng.randrange(4)
        size = 1.0 / dispersion
        expected = float(stats.nbinom.sf(count - 1, size, size / (size + mean)))
        if expected > 1e-280:
            assert upper_tail(count, mean, dispersion) == pytest.approx(expected, rel=1e-6)


def test_the_tail_of_a_poisson_count_is_poissons() -> None:
    mean, term, below = 12.0, math.exp(-12.0), 0.0
    for k in range(30):
        assert upper_tail(k, mean, 0.0) == pytest.approx(1.0 - below, rel=1e-3)
        below += term
        term *= mean / (k + 1)


def test_hours_of_silence_beside_the_others_are_counted_right() -> None:
    rng = np.random.default_rng(1)
    for mean, dispersion in ((0.4, 0.01), (1.5, 0.5), (6.0, 1.0)):
        drawn = rng.poisson(rng.gamma(1 / dispersion, dispersion * mean, 200_000))
        silent = int((drawn == 0).sum())
        assert zeros_beside(mean, dispersion) == pytest.approx(silent / (len(drawn) - silent), rel=0.03)


@pytest.mark.parametrize(
    "world",
    [
        World(rate=3.0),
        World(rate=0.5, entities=120),
        World(rate=0.05, entities=500),
        World(dispersion=0.4, rate=4.0),
        World(season=True, rate=3.0),
        World(season=True, dispersion=0.4, rate=4.0),
        World(season=True, dispersion=1.0, rate=3.0),
        World(season=True, dispersion=0.4, rate=0.3, entities=250),
        World(season=True, dispersion=0.4, rate=4.0, sampling=10, entities=200),
    ],
    ids=lambda world: (
        f"season {world.season}, dispersion {world.dispersion}, rate {world.rate}, 1 in {world.sampling}"
    ),
)
def test_one_in_a_thousand_benign_hours_is_called_so(world: World) -> None:
    """Of the hours that are judged: those in which something happened, of sparse and of busy entities."""
    said = chances(world.counts(), LEARNED)
    assert len(said) > 9_000
    assert 1e-2 / 3 <= share_below(said, 1e-2) <= 3e-2
    assert 1e-3 / 3 <= share_below(said, 1e-3) <= 3e-3
    assert share_below(said, 1e-4) <= 5e-4
    assert share_below(said, 0.1) > 0.03


@pytest.mark.parametrize(
    "world",
    [
        World(rate=0.3, outbursts=0.01, entities=120),
        World(rate=4.0, outbursts=0.01, entities=60),
        World(rate=4.0, outbursts=0.01, entities=120, sampling=10),
    ],
    ids=["sparse", "busy", "one in ten"],
)
def test_what_alerts_state_is_true_where_the_model_is_not(world: World) -> None:
    """Now and then far more comes: by the models' chances that would be alert after alert."""
    own, told = stated(world.counts(), LEARNED)
    assert len(told) > 8_000
    assert share_below(own, 1e-3) > 3e-3, "else the test says nothing"
    for limit in (1e-2, 1e-3):
        assert limit / 3 <= share_below(told, limit) <= 3 * limit


def test_without_the_organisations_view_of_the_week_it_is_not() -> None:
    """The measure above can fail: a model that takes every hour for average is wrong by far."""
    counts = World(season=True).counts()[LEARNED:]
    model = SeasonalCount()
    model._seasoned = True
    said = []
    for hour, count in enumerate(counts[:, 0].tolist()):
        said.append(upper_tail(count, model.mean(hour), 0.02))
        model.learn_one({"hour": hour, "count": count})
    assert share_below(said[100:], 1e-3) > 0.02


def test_a_new_rhythm_of_the_week_is_not_taken_for_scatter_for_ever() -> None:
    """What was learned before the profile was known must not blunt what is said after."""
    profile = World(season=True).profile()
    rng = np.random.default_rng(2)
    model = SeasonalCount()
    for hour in range(504):
        x = {"hour": hour, "count": int(rng.poisson(20.0 * profile[hour % 168])), "dispersion": 0.02}
        if hour >= 336:
            x["profile"] = float(profile[hour % 168])
        model.learn_one(x)
    assert model.dispersion(0.02) < 0.1


def test_silent_hours_do_not_make_a_quiet_entity_look_erratic() -> None:
    rng = np.random.default_rng(3)
    model = SeasonalCount()
    for hour, count in enumerate(rng.poisson(1.0, 3_000).tolist()):
        if count:  # as the engine does: an hour without an event is no observation
            model.learn_one({"hour": hour, "count": count, "dispersion": 0.05})
    assert model.mean(3_000) == pytest.approx(1.0, rel=0.1)
    assert model.dispersion(0.05) < 0.12


@pytest.mark.parametrize(
    ("new", "regular", "limit"),
    [(0.02, 20, 2_000), (0.3, 20, 2_000), (0.3, 20, 100), (0.8, 5, 300)],
)
def test_where_new_identities_are_daily_business_one_more_is_likely(
    new: float, regular: int, limit: int
) -> None:
    rng, model = random.Random(2), Novelty(limit=limit)
    for number in range(10_000):
        key = f"new{number}" if rng.random() < new else f"regular{rng.randrange(regular)}"
        model.learn_one({"key": key, "hour": number // 20})
    assert model.chance_new(500) == pytest.approx(new, rel=0.15)


def test_a_table_too_small_for_all_callers_knows_how_often_it_will_be_surprised() -> None:
    rng, model, surprised = random.Random(3), Novelty(limit=200), 0
    for number in range(10_000):
        key = f"k{rng.randrange(800)}"
        surprised += number >= 5_000 and not model.known(key)
        model.learn_one({"key": key, "hour": number // 20})
    assert model.chance_new(500) == pytest.approx(surprised / 5_000, rel=0.15)


def test_a_full_table_forgets_who_is_seen_least() -> None:
    model = Novelty(limit=50)
    for hour in range(400):
        model.learn_one({"key": "daily", "hour": hour})
        model.learn_one({"key": f"passing{hour}", "hour": hour})
    assert model.keys_known() == 50
    assert model.known("daily")
    assert model.known("passing399")
    assert not model.known("passing300")


@pytest.mark.parametrize(("busy", "scatter"), [(5.0, 60.0), (40.0, None)])
def test_a_strange_mix_of_operations_is_as_rare_as_its_score_says(busy: float, scatter: float | None) -> None:
    rng = np.random.default_rng(4)
    names = ("SecretGet", "SecretList", "KeySign", "KeyGet", "VaultGet", "CertificateGet")
    usual = np.array([0.6, 0.1, 0.15, 0.08, 0.05, 0.02])
    said, odd = [], []
    for _ in range(4):
        model = Mix()
        for hour in range(2_000):
            shares = usual if scatter is None else rng.dirichlet(usual * scatter)
            counts = dict(zip(names, rng.multinomial(rng.poisson(busy), shares).tolist(), strict=True))
            if hour >= 500:
                said.append(model.score_one({"counts": counts}))
            model.learn_one({"counts": counts})
        odd.append(model.score_one({"counts": {"KeyBackup": 30, "KeyDelete": 30}}))
    assert 0.0005 <= np.mean(np.array(said) >= 2.0) <= 0.015
    assert np.mean(np.array(said) >= 3.0) <= 0.002
    assert min(odd) > 4.0


@pytest.mark.parametrize(("pauses", "within"), [(200, 0.3), (5_000, 0.05)])
def test_the_longest_usual_pause_is_the_pauses_99th_percentile(pauses: int, within: float) -> None:
    rng, model, at_us, gaps = random.Random(5), Idle(), 0, []
    for _ in range(pauses):
        gaps.append(int(rng.expovariate(1 / 3.6e9)))
        at_us += gaps[-1]
        model.learn_one({"at_us": at_us})
    assert model.usual_gap_us() == pytest.approx(float(np.quantile(gaps, 0.99)), rel=within)
    assert model.score_one({"at_us": at_us + int(np.quantile(gaps, 0.9))}) == 0.0
    assert model.score_one({"at_us": at_us + 10 * max(gaps)}) > 0.5
