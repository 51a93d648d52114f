"""What is found, missed and said falsely on simulated organisations, per detection.

    python -m benchmarks.quality --seeds 101 102 --days 60
    python -m benchmarks.quality --quick
    python -m benchmarks.quality --kinds bank software --strengths loud faint --seeds 801 802
    python -m benchmarks.quality --quick --when learning ramp --strengths moderate
    python -m benchmarks.quality --quick --kinds default --strengths loud moderate --sampling 1 10 100
    python -m benchmarks.quality --quick --when once --sign-ins
    python -m benchmarks.quality --real FOLDER

Each kind of organisation (`simulation.kinds`) is made with each seed and each strength of the attacks. `--quick`
takes all kinds at a small size, all strengths, one seed and 28 days, where not said otherwise. Figures go to
build/bench/quality.json, recall against strength to a picture beside it.

`--when` says when attacks are played (`simulation.attacks.courses`): once; while all is learned and again after;
growing from day to day; on several days on end; amid legitimate change. `alone` plays none: it counts what the
changes by themselves (`simulation.changes`) raise that the same organisation without them does not.
`--sampling` says one in how many packets the routers look at; several make a table of the network's detections.
`--sign-ins` makes the directory's sign-ins as well, which speak for travellers; only who has a stolen password has one.

An attack is found if its type is raised on its entity within its time (an hour before to two hours after), at
whatever severity; how many are at medium or higher is told beside.
A false alert is one of medium or higher severity that belongs to no attack: neither its own type nor one that
the scenario says it rightly raises as well. Entity-days are the days on which each entity was active, added up.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import quality_real
from benchmarks.quality_judged import Score, brought, judge
from benchmarks.quality_sampling import by_sampling, figures_sampling
from benchmarks.quality_table import Case, by_kind, by_strength, draw, figures
from benchmarks.quality_when import ALONE, WHEN, by_change, by_part, figures_when, when_by_kind


class Outcome(NamedTuple):
    """What detection said of one organisation, and what was done there."""

    alerts: list[dict[str, Any]]
    truths: list[dict[str, Any]]
    entity_days: float
    seconds: float


def detected(seed: int, days: int, case: Case, attacks: Sequence[str] | None, *, changes: bool) -> Outcome:
    """One organisation from its making to its alerts."""
    import msgspec
    from rich.console import Console

    from cluster.detect import Options, detect
    from simulation import simulate
    from simulation.kinds import kind_of

    kind = kind_of(case.kind)
    size = replace(kind.quick if case.quick else kind.full, sampling=case.sampling)
    course = "once" if case.when == ALONE else case.when
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "organisation"
        simulate(
            out,
            days,
            seed,
            attacks,
            size,
            kind.start,
            strength=case.strength,
            course=course,
            changes=changes,
            sign_ins=case.sign_ins,
        )
        begun = time.perf_counter()
        options = Options([str(out / "telemetry")], config=out / "redshank.toml", runtime="loop", quiet=True)
        result = detect(options, Console(stderr=True))
        took = time.perf_counter() - begun
        alerts = [msgspec.to_builtins(alert) for alert in result.outcome.alerts]
        truths = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    return Outcome(alerts, truths, result.outcome.entity_days, took)


def run(seed: int, days: int, case: Case | None = None) -> Score:
    """One organisation from its making to its score."""
    case = case or Case()
    if case.when == ALONE:
        score = _changes_alone(seed, days, case)
    else:
        outcome = detected(seed, days, case, None, changes=case.when == "change")
        score = judge(seed, outcome.alerts, outcome.truths)
        score.entity_days, score.seconds = outcome.entity_days, outcome.seconds
    score.kind, score.strength, score.when = case.kind, case.strength, case.when
    score.sampling = case.sampling
    return score


def _changes_alone(seed: int, days: int, case: Case) -> Score:
    """The same organisation without an attack, without and with the changes."""
    from simulation.changes import calendar
    from simulation.kinds import kind_of

    without, with_ = (detected(seed, days, case, (), changes=changes) for changes in (False, True))
    start = datetime.combine(kind_of(case.kind).start, datetime.min.time(), UTC).timestamp()
    begin = [(name, start + 86_400.0 * first) for name, first in calendar(days)]
    score = Score(seed, entity_days=with_.entity_days, seconds=without.seconds + with_.seconds)
    score.changed = brought(without.alerts, with_.alerts, begin)
    # every false alert of these organisations, for whoever asks for the notes
    score.notes = judge(seed, with_.alerts, []).notes
    return score


def table(scores: list[Score]) -> str:
    """All seeds together, per type."""
    types = sorted({t for s in scores for c in (s.found, s.missed, s.false, s.minor) for t in c})
    total = sum(score.entity_days for score in scores)
    lines = [f"{'type':<42}{'found':>7}{'missed':>8}{'false':>7}{'minor':>7}{'minutes':>9}"]
    for type_ in types:
        found, missed, false, minor = (
            sum(getattr(s, name)[type_] for s in scores) for name in ("found", "missed", "false", "minor")
        )
        delays = sorted(d for s in scores for d in s.delays.get(type_, ()))
        delay = f"{delays[len(delays) // 2]:.0f}" if delays else "-"
        lines.append(f"{type_:<42}{found:>7}{missed:>8}{false:>7}{minor:>7}{delay:>9}")
    false = sum(sum(s.false.values()) for s in scores)
    lines.append(
        f"{'all':<42}{sum(sum(s.found.values()) for s in scores):>7}"
        f"{sum(sum(s.missed.values()) for s in scores):>8}{false:>7}"
        f"{sum(sum(s.minor.values()) for s in scores):>7}"
    )
    lines.append(
        f"false alerts of medium or higher severity for 1,000 entity-days: {1000 * false / total:.2f}"
    )
    lines.append(
        f"{total:,.0f} entity-days in {len(scores)} organisations; detection took "
        f"{sum(s.seconds for s in scores):.0f} s; Python {platform.python_version()}"
    )
    return "\n".join(lines)


def cases_of(
    kinds: Sequence[str],
    strengths: Sequence[str],
    whens: Sequence[str],
    samplings: Sequence[int] = (1,),
    *,
    quick: bool,
    sign_ins: bool = False,
) -> list[Case]:
    """What is run with each seed: all strengths where attacks come once, else one: moderate if it is asked for."""
    middle = "moderate" if "moderate" in strengths else strengths[0]
    return [
        Case(kind, strength, quick, when, sampling, sign_ins)
        for sampling in samplings
        for kind in kinds
        for when in whens
        for strength in (strengths if when == "once" else [middle])
    ]


def figures_of(scores: Sequence[Score], days: int, *, quick: bool) -> dict[str, Any]:
    """All figures as JSON values."""
    once = [score for score in scores if score.when == "once"]
    return figures(once, days, quick=quick) | figures_when(scores) | figures_sampling(once)


def measured(cases: Sequence[tuple[int, Case]], days: int, chosen: argparse.Namespace) -> list[Score]:
    """All runs; the figures of those that are done are on the disk, should the rest be interrupted."""
    scores: list[Score] = []
    with ProcessPoolExecutor(chosen.processes) as pool:
        jobs = [pool.submit(run, seed, days, case) for seed, case in cases]
        try:
            for job in jobs:
                scores.append(job.result())
                text = json.dumps(figures_of(scores, days, quick=chosen.quick), indent=1)
                (chosen.out / "quality.json").write_text(text + "\n")
                done = scores[-1]
                told = f"{done.kind}, {done.when}, {done.strength}, {done.seed}"
                told += f", one packet in {done.sampling}" if done.sampling > 1 else ""
                print(f"{len(scores)} of {len(jobs)}: {told}", file=sys.stderr)
        except ValueError:
            pool.shutdown(cancel_futures=True)
            raise
    return scores


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, write the figures and the picture."""
    from simulation.attacks import STRENGTHS
    from simulation.kinds import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--strengths", nargs="+", choices=STRENGTHS, metavar="STRENGTH")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--days", type=int)
    parser.add_argument("--when", nargs="+", choices=WHEN, metavar="WHEN", help=", ".join(WHEN))
    parser.add_argument("--sampling", type=int, nargs="+", default=[1], metavar="N", help="one packet in N")
    parser.add_argument(
        "--sign-ins", action="store_true", help="with the directory's sign-in logs beside the others"
    )
    parser.add_argument("--quick", action="store_true", help="all kinds and strengths, small, in minutes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench"), help="folder of the JSON and the picture"
    )
    parser.add_argument(
        "--real", type=Path, metavar="FOLDER", help="real logs instead, of the samples in a folder"
    )
    parser.add_argument("--notes", action="store_true", help="name every miss and every false alert")
    chosen = parser.parse_args(arguments)
    if chosen.real:
        return quality_real.main(chosen.real)
    days = chosen.days or (28 if chosen.quick else 60)
    if days < 1 or chosen.processes < 1:
        parser.error("--days and --processes are at least 1")
    if not 1 <= min(chosen.sampling) <= max(chosen.sampling) <= 1_000_000:
        parser.error("--sampling is 1 to 1,000,000: one packet in so many is looked at")
    kinds = chosen.kinds or (list(KINDS) if chosen.quick else ["default"])
    strengths = chosen.strengths or (list(STRENGTHS) if chosen.quick else ["loud"])
    whens = chosen.when or (list(WHEN) if chosen.quick else ["once"])
    seeds = chosen.seeds or ([701] if chosen.quick else [101, 102])
    samplings = list(dict.fromkeys(chosen.sampling))
    cases = [
        (seed, case)
        for case in cases_of(kinds, strengths, whens, samplings, quick=chosen.quick, sign_ins=chosen.sign_ins)
        for seed in seeds
    ]
    chosen.out.mkdir(parents=True, exist_ok=True)
    try:
        scores = measured(cases, days, chosen)
    except ValueError as reason:
        parser.error(str(reason))
    made = figures_of(scores, days, quick=chosen.quick)
    once = [score for score in scores if score.when == "once"]
    parts = [table(once), by_strength(once, strengths), by_kind(once, kinds)] if once else []
    parts += [by_sampling(once, strengths)] if len(samplings) > 1 and once else []
    print("\n\n".join(filter(None, [*parts, by_part(scores), when_by_kind(scores), by_change(scores)])))
    if len(strengths) > 1 and once:
        draw(made, strengths, chosen.out / "quality.svg")
    if chosen.notes:
        print("\n".join(f"{s.kind}, {s.when}, {s.strength}, {note}" for s in scores for note in s.notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
