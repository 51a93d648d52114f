"""Whether what baselines call improbable is as rare as they say, on organisations without any attack.

    python -m benchmarks.calibration [--kinds default bank] [--seeds 821] [--days 28] [--full]

Of the entity-hours in which a baseline was asked (the entity was active, and had been known for a week), the share
whose chance was below p: by the entity's own model, and as an alert states it, which is measured over all entities'
hours before; and whether that is within a factor of 3 of p. Novelty: of keys seen in such an hour, the share that was new where the model gave something new a chance
below p, and the share that was to be expected by those chances. Sparse: fewer than one event expected in the hour
(novelty: fewer than 10 keys known). Each organisation is run with all packets, and with one in ten sampled.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from actors.count_tables import CountTables
from actors.judging import Judge
from actors.organisation import OrganisationView
from baselines import Novelty
from cluster.detect import Options, detect
from detections import counting
from detections.declare import Finding
from detections.key_vault import list_and_query, policy_change_and_query
from detections.key_vault.habits import NEWS
from detections.key_vault.high_vault_access_volume import SPANS
from detections.key_vault.known import PEOPLES, REFUSED, TABLES
from detections.network import waves
from simulation import simulate
from simulation.kinds import KINDS, kind_of

LIMITS = (1e-2, 1e-3, 1e-4)
WEEK_H = 168
FEW = 3.0  # to be expected below a limit: fewer say nothing of a factor of 3
ENOUGH = 1_000  # judgements of a group before its line is drawn
# Of these something new has a chance that alerts state; of other tables only what they hold is asked.
BY_SEQUENCE = (*list_and_query.TABLES.values(), *policy_change_and_query.TABLES.values())
NOVELTIES = frozenset((*TABLES.values(), PEOPLES, REFUSED, SPANS, *BY_SEQUENCE))


@dataclass(slots=True)
class Row:
    """What was judged, how much of it was below each limit, and how much should have been."""

    judged: int = 0
    own: list[int] = field(default_factory=lambda: [0] * len(LIMITS))
    stated: list[int] | None = None  # counts and mixes: what is measured over all entities' hours
    expected: list[float] | None = None  # novelty: by the chances of what was judged; else the limit itself

    def counted(self, own: float, stated: float) -> None:
        """A count, or a mix."""
        self.judged += 1
        self.stated = self.stated or [0] * len(LIMITS)
        for n, limit in enumerate(LIMITS):
            self.own[n] += own < limit
            self.stated[n] += stated < limit

    def met(self, chance: float, new: bool) -> None:
        """A key, where the model gave something new that chance."""
        self.judged += 1
        self.expected = self.expected or [0.0] * len(LIMITS)
        for n, limit in enumerate(LIMITS):
            self.own[n] += new and chance < limit
            self.expected[n] += chance if chance < limit else 0.0

    def within(self, n: int) -> str:
        """Whether as much came below a limit as was to be expected, within a factor of 3; 'few' where that says nothing."""
        seen = self.own[n] if self.stated is None else self.stated[n]
        expected = self.judged * LIMITS[n] if self.expected is None else self.expected[n]
        if expected < FEW and seen <= 3 * FEW:
            return "few"
        told = f"{seen / expected:.1f}" if expected else "inf"
        return f"yes ({told})" if expected / 3 <= seen <= expected * 3 else f"no ({told})"


Group = tuple[str, str, int]  # baseline, 'sparse' or 'busy', one packet in so many


class Judgements:
    """All of them, by group; counts wait until the organisation-wide view is asked, at the hour's close."""

    def __init__(self) -> None:
        self.rows: dict[Group, Row] = {}
        self.sampling = 1
        self._waiting: list[tuple[Row, str, float, int | None]] = []
        self._common: list[tuple[Row, str, float, Finding]] = []

    def row(self, name: str, sparse: bool) -> Row:
        """The group's row."""
        return self.rows.setdefault((name, "sparse" if sparse else "busy", self.sampling), Row())

    def wait(self, name: str, mean: float, chance: float, count: int | None = None) -> None:
        """A count or a mix of the hour that is being closed. `count`: of what the same crowd sends to all."""
        self._waiting.append((self.row(name, mean < 1), name, chance, count))

    def close(self, organisation: OrganisationView) -> None:
        """What alerts on those counts would state, by what was known before this hour."""
        for row, name, own, count in self._waiting:
            # It is never less than the model's: of most hours nothing more need be asked.
            row.counted(own, counting.checked(name, own, organisation, count)[0] if own < LIMITS[0] else own)
        for row, name, own, finding in self._common:
            asked = waves.chance_in(finding, organisation.risen(name)) if own < LIMITS[0] else own
            row.counted(own, counting.checked(name, asked, organisation)[0] if asked < LIMITS[0] else asked)
        self._waiting, self._common = [], []

    def wait_for_all(self, name: str, mean: float, scatter: float, count: int, chance: float) -> None:
        """A count that is judged by how much more all see in the hour that is being closed."""
        finding = Finding(
            evidence={},
            first_us=0,
            last_us=0,
            count=count,
            improbability=chance,
            expected=(mean, scatter),
        )
        self._common.append((self.row(name, mean < 1), name, chance, finding))


def _judge(judgements: Judgements, learned: Any, view: Any, seen: Any) -> None:
    """One observation, before it is learned."""
    model, name = view.models[learned.name], learned.name
    if learned.counts:
        if model.hours_learned(view.hour) >= WEEK_H:
            season = view.season(name)
            chance = model.tail(seen["count"], view.hour, season.profile, season.dispersion)
            judgements.wait(name, model.mean(view.hour, season.profile), chance)
    elif isinstance(model, Novelty):
        if name in NOVELTIES and model.keys_known() and not seen["key"].startswith(NEWS):
            row = judgements.row(name, model.keys_known() < 10)
            row.met(model.chance_new(view.hour), not model.known(seen["key"]))
    elif learned.measured and seen["judged"]:
        judgements.wait(name, 1.0, 10.0 ** -model.score_one({**seen, "hour": view.hour}))


@contextmanager
def watched(judgements: Judgements) -> Iterator[None]:
    """While it lasts, every judgement of a baseline is counted before it is learned."""
    teach, learn, close = Judge._teach, CountTables._learn, OrganisationView.close_population

    def events(judge: Judge, learned: Any, view: Any, held: Any, tally: Any) -> None:
        if view.days_learned >= 7:
            for seen in learned.observe(view):
                _judge(judgements, learned, view, seen)
        teach(judge, learned, view, held, tally)

    def columns(tables: CountTables, learned: Any, traffic: Any, held: Any, tally: Any) -> None:
        entities, numbers = learned.column(traffic)
        table, hour = tables.by_name[learned.name], traffic.hour
        if len(entities):
            season = traffic.seasons.season(learned.name, hour)
            known = table.hours_learned(entities, hour) >= WEEK_H
            entities, numbers = entities[known], numbers[known]
            usual = hour, season.profile, season.dispersion
            means, scatters = table._expected(entities, *usual)
            tails = table.tails(entities, numbers, *usual)
            if learned.common:
                said = (each.tolist() for each in (means, scatters, numbers, tails))
                for mean, scatter, count, chance in zip(*said, strict=True):
                    judgements.wait_for_all(learned.name, mean, scatter, count, chance)
            else:
                for mean, chance, count in zip(means.tolist(), tails.tolist(), numbers.tolist(), strict=True):
                    judgements.wait(learned.name, mean, chance, count if learned.crowd else None)
        learn(tables, learned, traffic, held, tally)

    def closed(organisation: OrganisationView, hour: int, tally: Any) -> None:
        judgements.close(organisation)
        close(organisation, hour, tally)

    Judge._teach, CountTables._learn = events, columns  # type: ignore[method-assign]
    OrganisationView.close_population = closed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Judge._teach, CountTables._learn = teach, learn  # type: ignore[method-assign]
        OrganisationView.close_population = close  # type: ignore[method-assign]


def measure(judgements: Judgements, kind: str, seed: int, days: int, sampling: int, *, full: bool) -> None:
    """One benign organisation."""
    made = kind_of(kind)
    size = replace(made.full if full else made.quick, sampling=sampling)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "organisation"
        simulate(out, days=days, seed=seed, attacks=[], organisation=size, start=made.start)
        options = Options([str(out / "telemetry")], config=out / "redshank.toml", runtime="loop", quiet=True)
        judgements.sampling = sampling
        with watched(judgements):
            detect(options, Console(stderr=True))


def table(rows: dict[Group, Row]) -> str:
    """Shares beside the limits: of counts and mixes, and of novelty with what was to be expected."""
    head = "".join(f"{f'< {limit:g}':>9}" for limit in LIMITS)
    lines = [f"{'':<47}{'':>9}   {'own model':<27}   {'as stated, or expected'}"]
    lines.append(f"{'baseline, entities, one packet in':<47}{'judged':>9}   {head}   {head}")
    for (name, busy, sampling), row in sorted(rows.items()):
        beside = row.stated if row.stated is not None else row.expected
        line = f"{f'{name}, {busy}, {sampling}':<47}{row.judged:>9,}   {_shares(row.own, row.judged)}"
        lines.append(line if beside is None else f"{line}   {_shares(beside, row.judged)}")
    return "\n".join(lines)


def verdicts(rows: dict[Group, Row]) -> str:
    """Whether what is stated comes as often as it says, by group and limit."""
    head = "".join(f"{f'{limit:g}':>12}" for limit in LIMITS)
    lines = [f"{'within a factor of 3 (times as often as said)':<47}{head}"]
    for (name, busy, sampling), row in sorted(rows.items()):
        told = [row.within(n) for n in range(len(LIMITS))]
        lines.append(f"{f'{name}, {busy}, {sampling}':<47}" + "".join(f"{each:>12}" for each in told))
    return "\n".join(lines)


def _shares(below: list[int] | list[float], judged: int) -> str:
    return "".join(f"{each / judged:>9.1e}" if each else f"{'0':>9}" for each in below)


def draw(rows: dict[Group, Row], path: Path) -> None:
    """Share seen against share expected; on the line a chance is true, below it says less than it could."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "redshank"  # the same picture is the same file
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained", sharex=True, sharey=True)
    for axes, which in zip(both, ("own", "stated"), strict=True):
        axes.plot(LIMITS, LIMITS, color="#888888", linewidth=1)
        axes.fill_between(
            LIMITS, [one / 3 for one in LIMITS], [one * 3 for one in LIMITS], color="#dddddd", linewidth=0
        )
        for (name, busy, sampling), row in sorted(rows.items()):
            below = row.stated if which == "stated" else row.own
            if row.judged < ENOUGH or row.stated is None or below is None:
                continue
            shares = [each / row.judged if each else float("nan") for each in below]
            label = f"{name}, {busy}, 1 in {sampling}"
            axes.plot(LIMITS, shares, "o-", markersize=3, linewidth=0.8, label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title("by the entity's own model" if which == "own" else "as an alert states it", fontsize=9)
        axes.set_xlabel("chance below")
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("share of the hours judged; grey: within a factor of 3")
    both[1].legend(fontsize=5.5, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=["default"], metavar="KIND")
    parser.add_argument("--seeds", type=int, nargs="+", default=[821])
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--full", action="store_true", help="at the kinds' full size")
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/calibration.svg"))
    chosen = parser.parse_args(arguments)
    if chosen.days < 15:
        parser.error("--days is at least 15: a baseline must have learned before it is asked")
    judgements = Judgements()
    for kind in chosen.kinds:
        for seed in chosen.seeds:
            for sampling in (1, 10):
                measure(judgements, kind, seed, chosen.days, sampling, full=chosen.full)
    print(f"{table(judgements.rows)}\n\n{verdicts(judgements.rows)}")
    chosen.picture.parent.mkdir(parents=True, exist_ok=True)
    draw(judgements.rows, chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
