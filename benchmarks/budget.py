"""What an alert budget comes to: alerts a day and recall, on one simulated organisation with several budgets.

    python -m benchmarks.budget [--kind fleet] [--seed 831] [--days 28] [--budgets 1 5 20] [--strength loud] [--quick] [--machines N]
    python -m benchmarks.budget --keep FOLDER --budgets none --notes

The organisation is made once (with `--keep` in a folder where the next run with the same arguments finds it), and
`redshank detect` run on it without a budget and with each, one after another, each in a process of its own. Told are
the false alerts a day from the fifteenth day on (when all have learned): of any severity, of those the detections that
share the budget and the rules, which it does not bear on, and of medium or higher severity. `--notes` tells each.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.console import Console

from actors.settings import Settings
from benchmarks.quality_judged import expectations, judge, noted, serious
from cluster.detect import Options, detect
from simulation import simulate
from simulation.attacks import STRENGTHS
from simulation.kinds import KINDS, Kind, kind_of
from simulation.world import Organisation

LEARNED_DAYS = 14
SHARING = frozenset(Settings(budget=1.0).sharing_budget())
MADE = "made.json"  # in a folder that is kept: what the organisation was made with


class Outcome(NamedTuple):
    """Of one budget."""

    budget: float | None
    by_type: Counter[str]  # false alerts of any severity after learning
    grave: Counter[str]  # those of medium or higher severity
    days: int  # in which they came
    found: int  # attacks
    attacks: int
    missed: list[str]
    notes: list[str]  # each false alert
    seconds: float = 0.0
    peak_mb: float = 0.0

    def a_day(self, *, sharing: bool) -> float:
        """False alerts a day of those who share the budget, or of the others."""
        return sum(n for type_, n in self.by_type.items() if (type_ in SHARING) is sharing) / self.days


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
    false = [alert for alert in late if not any(one.matches(alert) for one in known)]
    score = judge(0, alerts, truths)
    found, missed = sum(score.found.values()), sum(score.missed.values())
    return Outcome(
        budget,
        Counter(alert["type"] for alert in false),
        Counter(alert["type"] for alert in false if serious(alert)),
        max(1, days - LEARNED_DAYS),
        found,
        found + missed,
        sorted(score.missed.elements()),
        [noted(alert) for alert in false],
    )


def measured(out: Path, budget: float | None, begin: datetime, days: int) -> Outcome:
    """Run it with a budget."""
    config = out / "redshank.toml"
    if budget is not None:
        config = out / f"budget-{budget:g}.toml"
        simulated = (out / "redshank.toml").read_text()
        config.write_text(simulated.replace("[detections]\n", f"[detections]\nbudget = {budget}\n"))
    options = Options([str(out / "telemetry")], config=config, runtime="loop", quiet=True)
    begun = time.perf_counter()
    alerts = [msgspec.to_builtins(alert) for alert in detect(options, Console(stderr=True)).outcome.alerts]
    took = time.perf_counter() - begun
    truths = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return outcome_of(budget, alerts, truths, begin, days)._replace(seconds=took, peak_mb=peak)


def table(outcomes: list[Outcome]) -> str:
    """One line a budget, and what was missed."""
    head = f"{'':>8}{'false alerts a day':>31}\n{'budget':>8}{'medium+':>10}{'sharing':>11}{'rules':>10}"
    head += f"{'found':>10}{'detect':>9}{'peak':>10}  missed; false ones in all (of those medium+)"
    lines = [head]
    for one in outcomes:
        budget = "none" if one.budget is None else f"{one.budget:g}"
        false = ", ".join(f"{t} {n} ({one.grave[t]})" for t, n in sorted(one.by_type.items())) or "none"
        lines.append(
            f"{budget:>8}{one.grave.total() / one.days:>10.2f}{one.a_day(sharing=True):>11.2f}"
            f"{one.a_day(sharing=False):>10.2f}{f'{one.found}/{one.attacks}':>10}"
            f"{one.seconds:>7.0f} s{one.peak_mb:>7.0f} MB  {', '.join(one.missed) or 'nothing'}; {false}"
        )
    return "\n".join(lines)


def made(out: Path, kind: Kind, size: Organisation, chosen: argparse.Namespace) -> None:
    """The organisation in that folder; one that is there already and was made so is not made again."""
    arguments = {"kind": kind.name, "size": asdict(size), "days": chosen.days}
    arguments |= {"seed": chosen.seed, "strength": chosen.strength}
    text, note = json.dumps(arguments, sort_keys=True) + "\n", out / MADE
    if note.exists() and note.read_text() == text:
        print(f"{out} was made so before: not made again", file=sys.stderr)
        return
    begun = time.perf_counter()
    note.unlink(missing_ok=True)
    summary = simulate(
        out, chosen.days, chosen.seed, organisation=size, start=kind.start, strength=chosen.strength
    )
    note.write_text(text)
    took = time.perf_counter() - begun
    print(f"{size.machines:,} machines, {summary.flows:,} flows: made in {took:.0f} s", file=sys.stderr)


def all_measured(out: Path, begin: datetime, chosen: argparse.Namespace) -> list[Outcome]:
    """Without a budget and with each; each in a process of its own, so that its peak of memory is its own."""
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for budget in dict.fromkeys((None, *chosen.budgets)):
            outcomes.append(pool.submit(measured, out, budget, begin, chosen.days).result())
            print(table(outcomes[-1:]), file=sys.stderr)
    return outcomes


def _budget(text: str) -> float | None:
    """A budget of the command line."""
    try:
        budget = None if text == "none" else float(text)
    except ValueError:
        budget = 0.0
    if budget is not None and not 0 < budget < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: is a number above 0 and below a million, or none")
    return budget


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--kind", choices=tuple(KINDS), default="fleet", metavar="KIND")
    asked.add_argument("--seed", type=int, default=831)
    asked.add_argument("--days", type=int, default=28)
    asked.add_argument(
        "--budgets", type=_budget, nargs="+", default=[1.0, 5.0, 20.0], help="above 0, or none"
    )
    asked.add_argument("--strength", choices=STRENGTHS, default="loud")
    asked.add_argument("--machines", type=int, help="so many, in place of what the kind has")
    asked.add_argument("--quick", action="store_true", help="at the kind's small size")
    asked.add_argument("--keep", type=Path, metavar="FOLDER", help="of the organisation, for the next run")
    asked.add_argument("--notes", action="store_true", help="tell each false alert after learning")
    return asked


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    asked = parser()
    chosen = asked.parse_args(arguments)
    if chosen.days <= LEARNED_DAYS:
        asked.error(f"--days is more than {LEARNED_DAYS}: detections must have learned")
    kind = kind_of(chosen.kind)
    with tempfile.TemporaryDirectory() as folder:
        out, size = chosen.keep or Path(folder) / "organisation", kind.quick if chosen.quick else kind.full
        try:
            size = replace(size, machines=chosen.machines or size.machines)
            made(out, kind, size, chosen)
        except (ValueError, OSError) as reason:
            asked.error(str(reason))
        begin = datetime.fromisoformat(f"{kind.start.isoformat()}T00:00:00+00:00")
        outcomes = all_measured(out, begin, chosen)
    print(table(outcomes))
    if chosen.notes:
        for one in outcomes:
            told = "no budget" if one.budget is None else f"budget {one.budget:g}"
            print("\n".join(f"{told}: {note}" for note in one.notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
