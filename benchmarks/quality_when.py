"""Quality by when attacks come, and what legitimate changes raise: tables and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.quality_judged import Score

ALONE = "alone"
WHEN = ("once", "learning", "ramp", "repeated", "change", ALONE)
# A ramp is found if any of its days is: that is a column of its own, since its days are one attack.
PARTS = ("learning", "after learning", "ramp found", "ramp's end", "first day", "later days", "amid change")


def _added(scores: Sequence[Score]) -> dict[str, dict[str, list[int]]]:
    """Part -> type -> found and attacks, of all runs; what is amid any change together."""
    total: dict[str, dict[str, list[int]]] = {}
    for score in scores:
        for part, types in score.parts.items():
            name = "amid change" if part.startswith("amid ") else part
            for type_, (found, of) in types.items():
                row = total.setdefault(name, {}).setdefault(type_, [0, 0])
                row[0], row[1] = row[0] + found, row[1] + of
        for type_ in score.parts.get("ramp", ()):
            row = total.setdefault("ramp found", {}).setdefault(type_, [0, 0])
            row[0], row[1] = row[0] + (type_ in score.ramps), row[1] + 1
    return total


def figures_when(scores: Sequence[Score]) -> dict[str, Any]:
    """Everything that the tables say, as JSON values."""
    parts = {
        part: {type_: {"found": found, "attacks": of} for type_, (found, of) in types.items()}
        for part, types in _added(scores).items()
    }
    alone = [score for score in scores if score.when == ALONE]
    changes: dict[str, Any] = {}
    for score in alone:
        for name, alerts in score.changed.items():
            row = changes.setdefault(name, {"runs": 0, "false": Counter()})
            row["runs"] += 1
            row["false"] += alerts
    return {
        "when": parts,
        "ramp_days": {type_: median(days) for type_, days in _ramp_days(scores).items()},
        "changes": {
            "entity_days": round(sum(score.entity_days for score in alone)),
            "alone": {name: row | {"false": dict(row["false"])} for name, row in changes.items()},
        },
    }


def _ramp_days(scores: Sequence[Score]) -> dict[str, list[int]]:
    days: dict[str, list[int]] = {}
    for score in scores:
        for type_, day in score.ramps.items():
            days.setdefault(type_, []).append(day)
    return days


def by_part(scores: Sequence[Score]) -> str:
    """Found of all, per type and part; of ramps with the median day on which they were first found."""
    total, days = _added(scores), _ramp_days(scores)
    parts = [part for part in PARTS if part in total]
    if not parts:
        return ""
    types = sorted({type_ for part in parts for type_ in total[part]})
    lines = [f"{'found of all, by when (ramp: on day)':<42}" + "".join(f"{part:>16}" for part in parts)]
    for type_ in types:
        cells = []
        for part in parts:
            found, of = total[part].get(type_, (0, 0))
            on = f" ({median(days[type_]):.0f})" if part == "ramp found" and type_ in days else ""
            cells.append(f"{found}/{of}{on}" if of else "-")
        lines.append(f"{type_:<42}" + "".join(f"{cell:>16}" for cell in cells))
    sums = [[sum(row[n] for row in total[part].values()) for n in (0, 1)] for part in parts]
    lines.append(f"{'all':<42}" + "".join(f"{f'{found}/{of}':>16}" for found, of in sums))
    lowered = [low for score in scores for low in score.lowered]
    if lowered:
        lines.append(
            f"of {len(lowered)} attacks found on later days {sum(lowered)} have a lower severity than the first"
        )
    return "\n".join(lines)


def when_by_kind(scores: Sequence[Score]) -> str:
    """Found of all types, per kind of organisation and part; and what changes alone brought there."""
    kinds = list(dict.fromkeys(score.kind for score in scores if score.when != "once"))
    if len(kinds) < 2:
        return ""
    mine = {kind: [score for score in scores if score.kind == kind] for kind in kinds}
    totals = {kind: _added(some) for kind, some in mine.items()}
    lines = [f"{'found of all types, by kind':<42}" + "".join(f"{kind:>14}" for kind in kinds)]
    for part in [part for part in PARTS if any(part in each for each in totals.values())]:
        rows = [totals[kind].get(part, {}).values() for kind in kinds]
        cells = [f"{sum(r[0] for r in row)}/{sum(r[1] for r in row)}" if row else "-" for row in rows]
        lines.append(f"{part:<42}" + "".join(f"{cell:>14}" for cell in cells))
    if any(score.when == ALONE for score in scores):
        alone = [
            sum(each.total() for s in mine[kind] if s.when == ALONE for each in s.changed.values())
            for kind in kinds
        ]
        lines.append(f"{'false alerts that changes alone bring':<42}" + "".join(f"{n:>14}" for n in alone))
    return "\n".join(lines)


def by_change(scores: Sequence[Score]) -> str:
    """Per change: attacks found amid it, and the false alerts that it brought where nobody attacked."""
    names = dict.fromkeys(name for score in scores for name in score.changed)
    names |= dict.fromkeys(
        part.removeprefix("amid ") for score in scores for part in score.parts if part.startswith("amid ")
    )
    if not names:
        return ""
    alone = [score for score in scores if score.when == ALONE]
    lines = [f"{'change':<20}{'found amid it':>16}{'false alone':>13}  of {len(alone)} organisations; which"]
    for name in names:
        rows = [row for score in scores for row in score.parts.get(f"amid {name}", {}).values()]
        found = f"{sum(row[0] for row in rows)}/{sum(row[1] for row in rows)}" if rows else "-"
        false = sum((score.changed.get(name, Counter()) for score in alone), Counter[str]())
        said = ", ".join(f"{type_} {count}" for type_, count in false.most_common())
        lines.append(f"{name:<20}{found:>16}{false.total():>13}  {said}")
    if alone:
        total = sum(sum(alerts.total() for alerts in score.changed.values()) for score in alone)
        entity_days = sum(score.entity_days for score in alone)
        lines.append(
            f"changes bring {total} false alerts of medium or higher severity in {entity_days:,.0f} entity-days: "
            f"{1000 * total / entity_days:.2f} for 1,000"
        )
    return "\n".join(lines)
