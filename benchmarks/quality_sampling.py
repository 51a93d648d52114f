"""Quality of the network's detections by how many packets routers look at: table and JSON. Vaults see all anyhow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.quality_judged import Score
from benchmarks.quality_table import figures

NETWORK = "network."


def figures_sampling(scores: Sequence[Score]) -> dict[str, Any]:
    """Recall of the network's detections, their false alerts of medium or higher severity and those below."""
    made: dict[str, Any] = {}
    for one_in in dict.fromkeys(score.sampling for score in scores):
        mine = [score for score in scores if score.sampling == one_in]
        recall = figures(mine, 0, quick=False)["recall"]
        made[str(one_in)] = {
            "recall": {type_: row for type_, row in recall.items() if type_.startswith(NETWORK)},
            "false": sum(_of_network(score.false) for score in mine),
            "minor": sum(_of_network(score.minor) for score in mine),
            "entity_days": round(sum(score.entity_days for score in mine)),
        }
    return {"sampling": made}


def _of_network(alerts: dict[str, int]) -> int:
    return sum(number for type_, number in alerts.items() if type_.startswith(NETWORK))


def by_sampling(scores: Sequence[Score], strengths: Sequence[str]) -> str:
    """Found of all, and the median minutes until it was, per type, sampling and strength."""
    made = figures_sampling(scores)["sampling"]
    columns = [(one_in, strength) for one_in in made for strength in strengths]
    heads = [strength if one_in == "1" else f"{strength}, 1 in {one_in}" for one_in, strength in columns]
    lines = [f"{'network, by sampling (median minutes)':<38}" + "".join(f"{head:>20}" for head in heads)]
    for type_ in sorted({type_ for each in made.values() for type_ in each["recall"]}):
        cells = [_cell(made[one_in]["recall"][type_].get(strength)) for one_in, strength in columns]
        lines.append(f"{type_:<38}" + "".join(f"{cell:>20}" for cell in cells))
    sums = [
        [sum(row[strength][what] for row in made[one_in]["recall"].values()) for what in ("found", "attacks")]
        for one_in, strength in columns
    ]
    lines.append(f"{'all':<38}" + "".join(f"{f'{found}/{of}':>20}" for found, of in sums))
    lines += [
        f"one packet in {one_in}: {each['false']} false network alerts of medium or higher severity and "
        f"{each['minor']} below in {each['entity_days']:,} entity-days"
        for one_in, each in made.items()
    ]
    return "\n".join(lines)


def _cell(recall: dict[str, Any] | None) -> str:
    if not recall or not recall["attacks"]:
        return "-"
    minutes = recall["median_minutes"]
    return f"{recall['found']}/{recall['attacks']}" + (f" ({minutes:.0f})" if minutes is not None else "")
