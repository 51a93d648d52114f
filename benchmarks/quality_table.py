"""Quality by strength of the attacks and by kind of organisation: tables, JSON, and a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.quality_judged import Score


@dataclass(frozen=True)
class Case:
    """What organisation is made, how strong its attacks are, when they come, one in how many packets is seen, and whether
    the directory's sign-ins are read too."""

    kind: str = "default"
    strength: str = "loud"
    quick: bool = False
    when: str = "once"
    sampling: int = 1
    sign_ins: bool = False


def _recall(scores: Sequence[Score], type_: str) -> dict[str, Any]:
    found, missed = (
        sum(c[type_] for c in each) for each in zip(*((s.found, s.missed) for s in scores), strict=True)
    )
    delays = [delay for score in scores for delay in score.delays.get(type_, ())]
    return {
        "attacks": found + missed,
        "found": found,
        "grave": sum(score.grave[type_] for score in scores),
        "recall": found / (found + missed) if found + missed else None,
        "median_minutes": round(median(delays), 1) if delays else None,
    }


def figures(scores: Sequence[Score], days: int, *, quick: bool) -> dict[str, Any]:
    """All figures as JSON values."""
    types = sorted({type_ for score in scores for type_ in (*score.found, *score.missed)})
    recall = {
        type_: {
            strength: _recall([score for score in scores if score.strength == strength], type_)
            for strength in dict.fromkeys(score.strength for score in scores)
        }
        for type_ in types
    }
    false = {}
    for kind in dict.fromkeys(score.kind for score in scores):
        own = [score for score in scores if score.kind == kind]
        entity_days = sum(score.entity_days for score in own)
        alerts = sum((score.false for score in own), Counter[str]())
        rates = {type_: 1000 * count / entity_days for type_, count in sorted(alerts.items())}
        false[kind] = {
            "entity_days": round(entity_days),
            "alerts": alerts.total(),
            "per_1000": 1000 * alerts.total() / entity_days,
            "by_type": rates,
        }
    runs = [{"kind": s.kind, "strength": s.strength, "seed": s.seed} for s in scores]
    return {"days": days, "quick": quick, "runs": runs, "recall": recall, "false": false}


def by_strength(scores: Sequence[Score], strengths: Sequence[str]) -> str:
    """Found of all, and the median minutes until it was, per type and strength."""
    made = figures(scores, 0, quick=False)["recall"]
    lines = [f"{'recall (median minutes to it)':<42}" + "".join(f"{strength:>18}" for strength in strengths)]
    for type_, each in made.items():
        cells = [each[strength] for strength in strengths]
        texts = [
            "-" if not c["attacks"] else f"{c['found']}/{c['attacks']}"
            + (f" ({c['median_minutes']:.0f})" if c["median_minutes"] is not None else "")
            for c in cells
        ]  # fmt: skip
        lines.append(f"{type_:<42}" + "".join(f"{text:>18}" for text in texts))
    for name, what in (("all", "found"), ("all, of medium or higher severity", "grave")):
        totals = [
            [sum(each[strength][one] for each in made.values()) for one in (what, "attacks")]
            for strength in strengths
        ]
        lines.append(f"{name:<42}" + "".join(f"{f'{found}/{all_}':>18}" for found, all_ in totals))
    return "\n".join(lines)


def by_kind(scores: Sequence[Score], kinds: Sequence[str]) -> str:
    """False alerts of medium or higher severity for 1,000 entity-days, per type and kind."""
    made = figures(scores, 0, quick=False)["false"]
    types = sorted({type_ for kind in kinds for type_ in made[kind]["by_type"]})
    lines = [f"{'false alerts for 1,000 entity-days':<42}" + "".join(f"{kind:>14}" for kind in kinds)]
    for type_ in types:
        rates = [made[kind]["by_type"].get(type_, 0.0) for kind in kinds]
        lines.append(f"{type_:<42}" + "".join(f"{rate:>14.2f}" if rate else f"{'-':>14}" for rate in rates))
    lines.append(f"{'all':<42}" + "".join(f"{made[kind]['per_1000']:>14.2f}" for kind in kinds))
    lines.append(f"{'entity-days':<42}" + "".join(f"{made[kind]['entity_days']:>14,}" for kind in kinds))
    return "\n".join(lines)


def draw(made: dict[str, Any], strengths: Sequence[str], path: Path) -> None:
    """Recall against strength, one small picture a detection."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "redshank"  # the same picture is the same file
    import matplotlib.pyplot as plt

    columns, types = 5, list(made["recall"])
    rows = -(-len(types) // columns)
    figure, places = plt.subplots(
        rows, columns, figsize=(13, 1.7 * rows), layout="constrained", sharey=True, squeeze=False
    )
    for axes in places.flat[len(types) :]:
        axes.set_visible(False)
    for axes, type_ in zip(places.flat, types, strict=False):
        points = [made["recall"][type_][strength] for strength in strengths]
        axes.plot(
            range(len(strengths)),
            [float("nan") if each["recall"] is None else each["recall"] for each in points],
            "o-",
            color="#4477aa",
        )
        axes.set_xticks(
            range(len(strengths)),
            [f"{s}\n{e['found']}/{e['attacks']}" for s, e in zip(strengths, points, strict=True)],
        )
        axes.set_ylim(-0.08, 1.08)
        axes.set_title(type_, fontsize=7.5, loc="left")
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
