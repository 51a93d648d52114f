"""Synthetic counts of an organisation's entities, and the engine's way with them: score, tally, learn."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baselines.population import Population, Seasons, Tally
from baselines.seasonal_count import SeasonalCount

NAME = "counts"
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """How the entities behave: nothing in it is an attack."""

    season: bool = False
    dispersion: float = 0.0
    rate: float = 8.0  # mean of the entities' mean counts an hour
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
        return rng.poisson(means)


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
