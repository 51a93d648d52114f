"""What is found, missed and said falsely on simulated organisations, per detection.

    python -m benchmarks.quality --seeds 101 102 --days 60
    python -m benchmarks.quality --quick
    python -m benchmarks.quality --kinds bank software --strengths loud faint --seeds 801 802

Each kind of organisation (`simulation.kinds`) is made with each seed and each strength of the attacks. `--quick`
takes all kinds at a small size, all strengths, one seed and 28 days, where not said otherwise. Figures go to
build/bench/quality.json, recall against strength to a picture beside it.

An attack is found if its type is raised on its entity within its time (an hour before to two hours after).
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
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.quality_table import Case, by_kind, by_strength, draw, figures

HOUR_S = 3600.0


@dataclass
class Score:
    """What came of one organisation."""

    seed: int
    kind: str = "default"
    strength: str = "loud"
    entity_days: float = 0.0
    seconds: float = 0.0
    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    minor: Counter[str] = field(default_factory=Counter)  # false, of lower severity
    delays: dict[str, list[float]] = field(
        default_factory=dict
    )  # minutes from start to first_seen's hour end
    notes: list[str] = field(default_factory=list)


def seconds(text: str) -> float:
    """RFC 3339 to seconds."""
    return datetime.fromisoformat(text).timestamp()


def entity_of(value: dict[str, Any]) -> tuple[str, str]:
    """An entity to compare by."""
    return value["kind"], value["id"].lower()


@dataclass(frozen=True)
class Expected:
    """One (type, entity, time) that an attack rightly raises; `main` for the attack's own."""

    type: str
    entity: tuple[str, str] | None
    start: float
    end: float
    main: bool

    def matches(self, alert: dict[str, Any]) -> bool:
        """Is the alert of this attack?"""
        if alert["type"] != self.type or (self.entity and entity_of(alert["entity"]) != self.entity):
            return False
        begin, end = seconds(alert["start"]), seconds(alert["end"])
        return begin < self.end + 2 * HOUR_S and end > self.start - HOUR_S


def expectations(truth: dict[str, Any]) -> list[Expected]:
    """What an attack's truth says may be raised."""
    start, end = seconds(truth["start"]), seconds(truth["end"])
    main = [Expected(truth["type"], entity_of(truth["entity"]), start, end, True)]
    also = [
        Expected(one["type"], entity_of(one["entity"]) if one.get("entity") else None, start, end, False)
        for one in truth.get("also", ())
    ]
    return main + also


def judge(seed: int, alerts: list[dict[str, Any]], truths: list[dict[str, Any]]) -> Score:
    """Hold the alerts of a run against its truth."""
    score = Score(seed)
    real = [truth for truth in truths if not truth.get("withheld")]
    known = [one for truth in real for one in expectations(truth)]
    for truth in real:
        main = expectations(truth)[0]
        hits = [alert for alert in alerts if main.matches(alert)]
        if hits:
            score.found[truth["type"]] += 1
            told = min(seconds(alert["last_seen"]) for alert in hits)
            score.delays.setdefault(truth["type"], []).append(max(0.0, told - main.start) / 60)
        else:
            score.missed[truth["type"]] += 1
            score.notes.append(f"seed {seed}: missed {truth['type']} on {main.entity} at {truth['start']}")
    for alert in alerts:
        if not any(one.matches(alert) for one in known):
            serious = alert["severity"] in ("medium", "high")
            (score.false if serious else score.minor)[alert["type"]] += 1
            score.notes.append(
                f"seed {seed}: false {alert['severity']} {alert['type']} {alert['start']} "
                f"{alert['entity']['id']}: {alert['description']}"
            )
    return score


def run(seed: int, days: int, case: Case | None = None) -> Score:
    """One organisation from its making to its score."""
    case = case or Case()
    outcome, truths, took = played(seed, days, case)
    import msgspec

    score = judge(seed, [msgspec.to_builtins(alert) for alert in outcome.alerts], truths)
    score.entity_days = outcome.entity_days
    score.seconds = took
    score.kind, score.strength = case.kind, case.strength
    return score


def played(seed: int, days: int, case: Case) -> tuple[Any, list[dict[str, Any]], float]:
    """What detection came to on an organisation, the truth about it, and the seconds that it took."""
    from rich.console import Console

    from cluster.detect import Options, detect
    from simulation import simulate
    from simulation.kinds import kind_of

    kind = kind_of(case.kind)
    size = kind.quick if case.quick else kind.full
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "organisation"
        simulate(out, days=days, seed=seed, organisation=size, start=kind.start, strength=case.strength)
        begun = time.perf_counter()
        options = Options([str(out / "telemetry")], config=out / "redshank.toml", runtime="loop", quiet=True)
        result = detect(options, Console(stderr=True))
        took = time.perf_counter() - begun
        truths = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    return result.outcome, truths, took


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


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, write the figures and the picture."""
    from simulation.attacks import STRENGTHS
    from simulation.kinds import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--strengths", nargs="+", choices=STRENGTHS, metavar="STRENGTH")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--days", type=int)
    parser.add_argument("--quick", action="store_true", help="all kinds and strengths, small, in minutes")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--out", type=Path, default=Path("build/bench"), help="folder of the JSON and the picture"
    )
    parser.add_argument("--notes", action="store_true", help="name every miss and every false alert")
    chosen = parser.parse_args(arguments)
    days = chosen.days or (28 if chosen.quick else 60)
    if days < 1 or chosen.processes < 1:
        parser.error("--days and --processes are at least 1")
    kinds = chosen.kinds or (list(KINDS) if chosen.quick else ["default"])
    strengths = chosen.strengths or (list(STRENGTHS) if chosen.quick else ["loud"])
    seeds = chosen.seeds or ([701] if chosen.quick else [101, 102])
    cases = [
        (seed, Case(kind, strength, chosen.quick))
        for kind in kinds
        for strength in strengths
        for seed in seeds
    ]
    chosen.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(chosen.processes) as pool:
        jobs = [pool.submit(run, seed, days, case) for seed, case in cases]
        scores = []
        for job in jobs:
            scores.append(job.result())
            # what was measured stays, should the rest be interrupted
            text = json.dumps(figures(scores, days, quick=chosen.quick), indent=1)
            (chosen.out / "quality.json").write_text(text + "\n")
            done = scores[-1]
            print(f"{len(scores)} of {len(jobs)}: {done.kind}, {done.strength}, {done.seed}", file=sys.stderr)
    print("\n\n".join((table(scores), by_strength(scores, strengths), by_kind(scores, kinds))))
    if len(strengths) > 1:
        draw(figures(scores, days, quick=chosen.quick), strengths, chosen.out / "quality.svg")
    if chosen.notes:
        print("\n".join(f"{s.kind}, {s.strength}, {note}" for s in scores for note in s.notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
