"""What an alert budget comes to: alerts a day and recall, on one simulated organisation with several budgets.

    python -m benchmarks.budget [--kind fleet] [--seed 831] [--days 28] [--budgets 1 5 20] [--strength loud] [--quick] [--machines N]

The organisation is made once, and `redshank detect` run on it without a budget and with each. Told are the false
alerts a day, of any severity, from the fifteenth day on (when all have learned): of the detections that share the
budget, and of the rules, which it does not bear on.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from actors.settings import Settings
from benchmarks.quality import expectations, judge
from cluster.detect import Options, detect
from simulation import simulate
from simulation.attacks import STRENGTHS
from simulation.kinds import KINDS, kind_of

LEARNED_DAYS = 14
SHARING = frozenset(Settings(budget=1.0).sharing_budget())


class Outcome(NamedTuple):
    """Of one budget."""

    budget: float | None
    false: float  # alerts a day of those who share it
    rules: float  # false alerts a day of the others
    found: int  # attacks
    attacks: int
    missed: list[str]
    by_type: Counter[str]  # false alerts of those who share it


def outcome_of(
    budget: float | None,
    alerts: list[dict[str, Any]],
    truths: list[dict[str, Any]],
    begin: datetime,
    days: int,
) -> Outcome:
    """Hold a run's alerts against the truth."""
    known = [one for truth in truths if not truth.get("withheld") for one in expectations(truth)]
    since = begin + timedelta(days=LEARNED_DAYS)
    late = [alert for alert in alerts if datetime.fromisoformat(alert["start"]) >= since]
    false = Counter(alert["type"] for alert in late if not any(one.matches(alert) for one in known))
    sharing = Counter({type_: number for type_, number in false.items() if type_ in SHARING})
    score, judged_days = judge(0, alerts, truths), max(1, days - LEARNED_DAYS)
    found, missed = sum(score.found.values()), sum(score.missed.values())
    return Outcome(
        budget,
        sharing.total() / judged_days,
        (false - sharing).total() / judged_days,
        found,
        found + missed,
        sorted(score.missed.elements()),
        sharing,
    )


def measured(out: Path, budget: float | None, begin: datetime, days: int) -> Outcome:
    """Run it with a budget."""
    config = out / "redshank.toml"
    if budget is not None:
        config = out / f"budget-{budget:g}.toml"
        simulated = (out / "redshank.toml").read_text()
        config.write_text(simulated.replace("[detections]\n", f"[detections]\nbudget = {budget}\n"))
    options = Options([str(out / "telemetry")], config=config, runtime="loop", quiet=True)
    alerts = [msgspec.to_builtins(alert) for alert in detect(options, Console(stderr=True)).outcome.alerts]
    truths = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    return outcome_of(budget, alerts, truths, begin, days)


def table(outcomes: list[Outcome]) -> str:
    """One line a budget, and what was missed."""
    lines = [f"{'budget':>8}{'false a day':>13}{'of rules':>10}{'found':>10}  missed; false ones in all"]
    for one in outcomes:
        budget = "none" if one.budget is None else f"{one.budget:g}"
        said = ", ".join(one.missed) or "nothing"
        false = ", ".join(f"{type_} {number}" for type_, number in sorted(one.by_type.items()))
        found = f"{one.found}/{one.attacks}"
        lines.append(f"{budget:>8}{one.false:>13.2f}{one.rules:>10.2f}{found:>10}  {said}; {false or 'none'}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kind", choices=tuple(KINDS), default="fleet", metavar="KIND")
    parser.add_argument("--seed", type=int, default=831)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--budgets", type=float, nargs="+", default=[1.0, 5.0, 20.0])
    parser.add_argument("--strength", choices=STRENGTHS, default="loud")
    parser.add_argument("--machines", type=int, help="so many, in place of what the kind has")
    parser.add_argument("--quick", action="store_true", help="at the kind's small size")
    chosen = parser.parse_args(arguments)
    if chosen.days <= LEARNED_DAYS:
        parser.error(f"--days is more than {LEARNED_DAYS}: detections must have learned")
    if min(chosen.budgets) <= 0:
        parser.error("--budgets are above 0")
    kind = kind_of(chosen.kind)
    with tempfile.TemporaryDirectory() as folder:
        out, size = Path(folder) / "organisation", kind.quick if chosen.quick else kind.full
        size = replace(size, machines=chosen.machines or size.machines)
        simulate(
            out,
            days=chosen.days,
            seed=chosen.seed,
            organisation=size,
            start=kind.start,
            strength=chosen.strength,
        )
        begin = datetime.fromisoformat(f"{kind.start.isoformat()}T00:00:00+00:00")
        outcomes = []
        for budget in (None, *chosen.budgets):
            outcomes.append(measured(out, budget, begin, chosen.days))
            print(table(outcomes[-1:]), file=sys.stderr)
    print(table(outcomes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
