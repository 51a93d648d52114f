"""Whether what baselines call improbable is as rare as they say, on organisations without any attack.

    python -m benchmarks.calibration [--kinds default bank] [--seeds 821] [--days 28] [--full]

Of the entity-hours in which a baseline was asked (the entity was active, and had been known for a week), the share
whose chance, by the entity's own model, was below p. Novelty: of keys seen in such an hour, the share that was new
where the model gave something new a chance below p. Sparse: fewer than one event expected in the hour (novelty: fewer
than 10 keys known). Each organisation is run with all packets, and with one in ten sampled.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from actors.judging import Judge
from actors.resources import Resources
from baselines import Novelty
from cluster.detect import Options, detect
from simulation import simulate
from simulation.kinds import KINDS, kind_of

LIMITS = (1e-2, 1e-3, 1e-4)
WEEK_H = 168
Group = tuple[str, str, int]  # baseline, 'sparse' or 'busy', one packet in so many
Counts = dict[Group, list[int]]  # judged, then below each limit


def note(counts: Counts, name: str, sparse: bool, sampling: int, chance: float) -> None:
    """Count one judgement."""
    row = counts[name, "sparse" if sparse else "busy", sampling]
    row[0] += 1
    for n, limit in enumerate(LIMITS, 1):
        row[n] += chance < limit


@contextmanager
def watched(counts: Counts, sampling: int) -> Iterator[None]:
    """While it lasts, every judgement of a baseline is counted before it is learned."""
    teach, learn = Judge._teach, Resources._learn

    def events(judge: Judge, learned: Any, view: Any, held: Any, tally: Any) -> None:
        model, name = view.models[learned.name], learned.name
        if view.days_learned >= 7:
            for seen in learned.observe(view):
                if learned.counts and model.hours_learned(view.hour) >= WEEK_H:
                    season = view.season(name)
                    chance = model.tail(seen["count"], view.hour, season.profile, season.dispersion)
                    note(counts, name, model.mean(view.hour, season.profile) < 1, sampling, chance)
                elif isinstance(model, Novelty) and model.keys_known():
                    chance = 1.0 if model.known(seen["key"]) else model.chance_new(view.hour)
                    note(counts, name, model.keys_known() < 10, sampling, chance)
        teach(judge, learned, view, held, tally)

    def columns(resources: Resources, learned: Any, traffic: Any, held: Any, tally: Any) -> None:
        entities, numbers = learned.column(traffic)
        table, hour = resources._tables[learned.name], traffic.hour
        if len(entities):
            season = traffic.seasons.season(learned.name, hour)
            known = table.hours_learned(entities, hour) >= WEEK_H
            entities, numbers = entities[known], numbers[known]
            means = table.mean(entities, hour, season.profile)
            tails = table.tails(entities, numbers, hour, season.profile, season.dispersion)
            for mean, chance in zip(means.tolist(), tails.tolist(), strict=True):
                note(counts, learned.name, mean < 1, sampling, chance)
        learn(resources, learned, traffic, held, tally)

    Judge._teach, Resources._learn = events, columns  # type: ignore[method-assign]
    try:
        yield
    finally:
        Judge._teach, Resources._learn = teach, learn  # type: ignore[method-assign]


def measure(counts: Counts, kind: str, seed: int, days: int, sampling: int, *, full: bool) -> None:
    """One benign organisation."""
    made = kind_of(kind)
    size = replace(made.full if full else made.quick, sampling=sampling)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "organisation"
        simulate(out, days=days, seed=seed, attacks=[], organisation=size, start=made.start)
        options = Options([str(out / "telemetry")], config=out / "redshank.toml", runtime="loop", quiet=True)
        with watched(counts, sampling):
            detect(options, Console(stderr=True))


def table(counts: Counts) -> str:
    """Shares beside the limits."""
    head = "".join(f"{f'< {limit:g}':>11}" for limit in LIMITS)
    lines = [f"{'baseline, entities, one packet in':<46}{'judged':>10}{head}"]
    for (name, busy, sampling), (judged, *below) in sorted(counts.items()):
        shares = "".join(f"{each / judged:>11.1e}" if each else f"{'0':>11}" for each in below)
        lines.append(f"{f'{name}, {busy}, {sampling}':<46}{judged:>10,}{shares}")
    return "\n".join(lines)


def draw(counts: Counts, path: Path) -> None:
    """Share seen against share stated; on the line a baseline is right, below it says less than it could."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "redshank"  # the same picture is the same file
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    axes.plot(LIMITS, LIMITS, color="#888888", linewidth=1)
    for (name, busy, sampling), (judged, *below) in sorted(counts.items()):
        if judged >= 1_000:
            shares = [each / judged if each else float("nan") for each in below]
            axes.plot(
                LIMITS, shares, "o-", markersize=3, linewidth=0.8, label=f"{name}, {busy}, 1 in {sampling}"
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("chance by the entity's own model below")
    axes.set_ylabel("share of what was judged")
    axes.legend(fontsize=5.5, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
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
    counts: Counts = defaultdict(lambda: [0] * (1 + len(LIMITS)))
    for kind in chosen.kinds:
        for seed in chosen.seeds:
            for sampling in (1, 10):
                measure(counts, kind, seed, chosen.days, sampling, full=chosen.full)
    print(table(counts))
    chosen.picture.parent.mkdir(parents=True, exist_ok=True)
    draw(counts, chosen.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
