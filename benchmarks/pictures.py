"""Pictures for the docs: an alert's baseline against what was seen, from a simulated organisation.

python -m benchmarks.pictures docs/pictures [--seed 7]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from rich.console import Console

from actors.judging import Judge
from cluster.detect import Options, detect
from detections.catalogue import CATALOGUE
from simulation import simulate

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "redshank"  # the same picture is the same file
import matplotlib.pyplot as plt  # noqa: E402  (the backend is chosen first)

CHOSEN = ("network.ssh_incoming_multiple", "key_vault.high_operation_volume")
Series = dict[tuple[str, str], list[tuple[int, int, float]]]


def recorded(out: Path) -> tuple[Any, Series]:
    """A run's alerts, and of every counting baseline each hour's count and what was expected."""
    series: Series = {}
    teach = Judge._teach

    def watched(judge: Judge, learned: Any, view: Any, held: Any, tally: Any) -> None:
        if learned.counts:
            season = view.season(learned.name)
            for seen in learned.observe(view):
                expected = view.models[learned.name].mean(view.hour, season.profile)
                series.setdefault((view.entity, learned.name), []).append(
                    (view.hour, seen["count"], expected)
                )
        teach(judge, learned, view, held, tally)

    Judge._teach = watched  # type: ignore[method-assign]
    try:
        options = Options([str(out / "telemetry")], config=out / "redshank.toml", runtime="loop", quiet=True)
        return detect(options, Console(stderr=True)), series
    finally:
        Judge._teach = teach  # type: ignore[method-assign]


def draw(alert: Any, points: list[tuple[int, int, float]], path: Path) -> None:
    """Counts an hour over the three weeks around the alert, the expectation, and the alert's hour."""
    at = int(datetime.fromisoformat(alert.start).timestamp()) // 3600
    near = [point for point in points if abs(point[0] - at) <= 24 * 14]
    times = [datetime.fromtimestamp(hour * 3600, UTC) for hour, _, _ in near]
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    axes.plot(
        times, [seen for _, seen, _ in near], ".", color="#4477aa", markersize=4, label="seen in an hour"
    )
    axes.plot(
        times, [mean for _, _, mean in near], color="#228833", linewidth=1.2, label="usual at this hour"
    )
    axes.plot(
        [datetime.fromtimestamp(at * 3600, UTC)],
        [seen for hour, seen, _ in near if hour == at],
        "o",
        color="#cc3311",
        markersize=8,
        label="alert",
    )
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.set_title(
        f"{alert.title}\n{alert.entity.id.rsplit('/', 1)[-1]}, {alert.start}", fontsize=9, loc="left"
    )
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw one alert of each chosen type."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "organisation"
        simulate(out, days=60, seed=chosen.seed)
        truths = [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]
        result, series = recorded(out)
    attacked = {
        (truth["type"], truth["entity"]["id"].lower()) for truth in truths if not truth.get("withheld")
    }
    for type_ in CHOSEN:
        counting = next(learned.name for learned in CATALOGUE[type_].baselines if learned.counts)
        for alert in result.outcome.alerts:
            if alert.type == type_ and (type_, alert.entity.id.lower()) in attacked:
                draw(alert, series[alert.entity.id, counting], chosen.folder / f"{type_}.svg")
                break
        else:
            print(f"no alert of {type_} to draw")


if __name__ == "__main__":
    main()
