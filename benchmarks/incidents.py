"""How well alerts are joined to incidents on simulated organisations: what is torn apart, what is wrongly joined.

    python -m benchmarks.incidents --kinds default bank global --seeds 601 --days 60
    python -m benchmarks.incidents --quick

An alert is of an attack where the attack's truth says that it may be raised, and of one attack where no other's says
so too. `whole`: alerts of one attack that are in the incident with most of that attack's, of all of them. `mixed`:
incidents with alerts of more than one attack. `foreign`: alerts of no attack in the incident of one.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quality import detected
from benchmarks.quality_judged import expectations
from benchmarks.quality_table import Case


@dataclass
class Joined:
    """What came of one organisation."""

    name: str
    alerts: int = 0
    sizes: list[int] = field(default_factory=list)  # of incidents, the largest first
    of_attacks: int = 0
    whole: int = 0
    mixed: int = 0
    foreign: int = 0
    of_none: int = 0

    def line(self) -> str:
        """For the table."""
        largest = " ".join(map(str, self.sizes[:4]))
        return (
            f"{self.name:<28}{self.alerts:>7}{len(self.sizes):>10}  {largest:<14}"
            f"{f'{self.whole}/{self.of_attacks}':>10}{self.mixed:>7}{f'{self.foreign}/{self.of_none}':>10}"
        )


HEAD = f"{'organisation':<28}{'alerts':>7}{'incidents':>10}  {'largest':<14}{'whole':>10}{'mixed':>7}{'foreign':>10}"


def judge(name: str, alerts: list[dict[str, Any]], truths: list[dict[str, Any]]) -> Joined:
    """Hold incidents against the truth."""
    known = [expectations(truth) for truth in truths if not truth.get("withheld")]
    groups: dict[str, list[tuple[int, ...]]] = defaultdict(list)  # incident -> of each alert its attacks
    for alert in alerts:
        mine = (number for number, some in enumerate(known) if any(one.matches(alert) for one in some))
        groups[alert["incident"]].append(tuple(mine))
    found = Joined(name, len(alerts), sorted(map(len, groups.values()), reverse=True))
    for number in range(len(known)):
        parts = [some.count((number,)) for some in groups.values()]
        found.of_attacks += sum(parts)
        found.whole += max(parts, default=0)
    for some in groups.values():
        found.mixed += len({mine for mine in some if len(mine) == 1}) > 1
        found.foreign += some.count(()) if any(some) else 0
        found.of_none += some.count(())
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    from simulation.kinds import KINDS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=["default"], metavar="KIND")
    parser.add_argument("--strength", default="loud")
    parser.add_argument("--seeds", type=int, nargs="+", default=[601])
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="all kinds, small, 28 days")
    chosen = parser.parse_args(arguments)
    days = chosen.days or (28 if chosen.quick else 60)
    print(HEAD)
    for kind in tuple(KINDS) if chosen.quick else chosen.kinds:
        for seed in chosen.seeds:
            case = Case(kind=kind, strength=chosen.strength, quick=chosen.quick)
            outcome = detected(seed, days, case, None, changes=False)
            named = f"{kind} {seed} {chosen.strength}"
            print(judge(named, outcome.alerts, outcome.truths).line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
