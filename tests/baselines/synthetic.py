"""Synthetic counts of an organisation's entities, and the engine's way with them: score, tally, learn."""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.judging import HOURS_TO_KNOW
from baselines.population import Population
from baselines.seasonal_count import SeasonalCount
from baselines.seasons import Seasons
from baselines.tally import Tally

NAME = "counts"
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """How the entities behave: nothing in it is an attack."""

    season: bool = False
    dispersion: float = 0.0
    rate: float = 8.0  # mean of the entities' mean counts an hour
    sampling: int = 1  # one event in so many is seen
    outbursts: float = (
        0.0  # share of the hours in which there is several times as much, now and then a hundred times
    )
    entities: int = 45
    weeks: int = 5
    seed: int = 1

    def profile(self) -> npt.NDArray[np.float64]:
        """How busy each hour of the week is."""
        hours = np.arange(168)
        day = np.exp(1.6 * np.cos((hours % 24 - 14) / 24 * 2 * np.pi))
        week = np.where(hours // 24 >= 5, 0.15, 1.0)
        shape = day * week if self.season else np.ones(168)
        return np.asarray(shape / shape.mean())

    def counts(self) -> Counts:
        """Counts by hour and entity."""
        rng = np.random.default_rng(self.seed)
        rates = rng.gamma(2.0, self.rate / 2.0, self.entities) + 0.05
        means = np.tile(self.profile(), self.weeks)[:, None] * rates[None, :]
        if self.dispersion:
            means = means * rng.gamma(1 / self.dispersion, self.dispersion, means.shape)
        if self.outbursts:
            many = 1.0 + 3.0 * rng.pareto(1.2, means.shape)
            means = means * np.where(rng.random(means.shape) < self.outbursts, many, 1.0)
        return rng.poisson(means / self.sampling)


def stated(counts: Counts, learning: int) -> tuple[list[float], list[float]]:
    """Of each hour after the learning in which something happened, what its model says, and what alerts would state:
    measured over all entities' hours before, as `actors.judging` and `detections.counting` do it."""
    population, models = Population(), [SeasonalCount() for _ in range(counts.shape[1])]
    own: list[float] = []
    told: list[float] = []
    for hour, row in enumerate(counts.tolist()):
        tally = Tally()
        for model, count in zip(models, row, strict=True):
            if not count:
                continue
            chance, expected = model.tail(count, hour), model.mean(hour)
            if hour >= learning:
                own.append(chance)
                known = population.chance(NAME, -log10(chance)) if chance < 0.1 else None
                told.append(chance if known is None else max(chance, known))
            if model.hours_learned(hour) >= HOURS_TO_KNOW:
                tally.surprise(NAME, 0.0 if count <= 2.0 * expected + 2.0 else -log10(chance))
            tally.note(NAME, count, expected)
            model.learn_one({"hour": hour, "count": count})
        population.close(hour, tally)
    return own, told


def chances(counts: Counts, learning: int) -> list[float]:
    """What the models say of each hour after the learning in which something happened, a population learned beside.

    Counts are whole, so their chances are steps: each is drawn between its own and the next step, which makes
    the chances of a model that is right uniform.
    """
    population, models = Population(), [SeasonalCount() for _ in range(counts.shape[1])]
    draw = random.Random(1).random
    seasons = pending = Seasons(population.snapshot())
    said = []
    for hour, row in enumerate(counts.tolist()):
        if hour % 24 == 0:
            seasons, pending = pending, Seasons(population.snapshot())
        tally = Tally()
        hour_said = [
            _play(model, seasons, tally, hour, count, draw())
            for model, count in zip(models, row, strict=True)
            if count
        ]
        population.close(hour, tally)
        said += hour_said if hour >= learning else []
    return said


def _play(model: SeasonalCount, seasons: Seasons, tally: Tally, hour: int, count: int, drawn: float) -> float:
    season = seasons.season(NAME, hour)
    seen: dict[str, Any] = {"hour": hour, "count": count, "profile": season.profile}
    seen["dispersion"] = season.dispersion
    if model.last_hour is not None:
        seen["skipped"] = seasons.skipped(NAME, model.last_hour, hour)
    tally.note(NAME, count, model.mean(hour, season.profile))
    if count <= model.mean(hour, season.profile):
        model.learn_one(seen)
        return 1.0  # about a half and more; to know it well would cost most of the time
    least, most = (10.0 ** -model.score_one({**seen, "count": n}) for n in (count + 1, count))
    model.learn_one(seen)
    return float(least + drawn * (most - least))


def share_below(said: list[float], limit: float) -> float:
    """The share of entity-hours whose chance is below a limit."""
    return sum(chance < limit for chance in said) / len(said)
