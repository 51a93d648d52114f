"""What a server that is killed is held against: an organisation's telemetry by day, and what `redshank detect` makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cluster.simulating import run as simulate

START = [sys.executable, "-c", "import sys; from cluster.cli import main; sys.exit(main())"]
COMMON = """
[detections]
budget = 3
learning_days = 2
shadow = ["key_vault.unusual_application"]
[expected]
shipped = true
[store]
"""
# Where it is one of a set the number of a line or octet tells of the run that read it, not of what was seen.
PLACES = ("offset", "source", "records")
MARKED = 6  # alerts


def placeless(said: dict[str, Any]) -> str:
    """An alert without what tells of a run."""
    told = {name: value for name, value in said.items() if name not in ("incident", "joins")}
    for row in [*told["evidence"].get("records", ()), *told["evidence"].get("top_peers", ())]:
        for place in PLACES:
            row.pop(place, None)
    return json.dumps(told, sort_keys=True)


def last_words(lines: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The last word on each alert."""
    last = {one["id"]: one for one in lines}
    return {id_: placeless(one) for id_, one in last.items() if not one.get("withdrawn")}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class World:
    """Telemetry by day, and what `detect` makes of it: in two runs, with marks between."""

    def __init__(self, folder: Path, days: int, seed: int) -> None:
        self.folder, self.files = folder, folder / "made"
        simulate(self.files, days, seed, ())
        self.days: dict[str, list[Path]] = {}
        for path in sorted((self.files / "telemetry").rglob("*")):
            found = re.search(r"y=(\d+)/m=(\d+)/d=(\d+)|(\d{4})-(\d\d)-(\d\d)", str(path))
            if path.is_file() and found:
                day = "-".join(one for one in found.groups() if one)
                self.days.setdefault(day, []).append(path)
        self.about = (self.files / "redshank.toml").read_text().replace("[detections]\ndisable = []\n", "")

    def lay(self, days: Iterable[str], folder: Path) -> None:
        """Those days' files, each whole when it appears."""
        for path in (path for day in days for path in self.days[day]):
            to = folder / path.relative_to(self.files / "telemetry")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to.with_name(f".{to.name}.new"))
            to.with_name(f".{to.name}.new").rename(to)

    def configuration(self, path: Path, more: str) -> Path:
        """A configuration with all that bears on alerts."""
        shutil.copytree(self.files / "feeds", path.parent / "feeds", dirs_exist_ok=True)
        shutil.copy(self.files / "inventory.csv", path.parent / "inventory.csv")
        path.write_text(self.about + COMMON + more)
        return path


class Reference:
    """What `redshank detect` makes of it."""

    def __init__(self, world: World) -> None:
        self.folder = world.folder / "detect"
        self.folder.mkdir()
        config = world.configuration(self.folder / "redshank.toml", "")
        names, self.read = list(world.days), list[int]()
        self.halves = [names[:-1], names[-1:]]  # most attacks come late
        told: list[dict[str, Any]] = []
        for number, days in enumerate(self.halves):
            world.lay(days, self.folder / f"in{number}")
            out = self.folder / f"{number}.jsonl"
            words = ["--config", str(config), "--alerts", str(out), "--state", str(self.folder / "state")]
            words = ["detect", str(self.folder / f"in{number}"), *words, "--runtime", "loop"]
            done = subprocess.run([*START, *words], capture_output=True, text=True, check=False)
            if done.returncode not in (0, 3):
                raise RuntimeError(done.stderr[-2_000:])
            self.read.append(int(re.search(r"([\d,]+) records? read", done.stderr)[1].replace(",", "")))  # type: ignore[index]
            told += lines_of(out)
            if number == 0:
                # What a run tells of hours that stay open at its end, a server tells later.
                closed = [one["id"] for one in told if one["start"] < days[-1]]
                self.marks = closed[:: max(1, len(closed) // MARKED)]
                mark(config, self.marks)
        self.alerts = last_words(told)


def mark(config: Path, ids: Iterable[str]) -> None:
    """As an analyst would."""
    for id_ in ids:
        words = ["alerts", "mark", id_, "benign", "--as", "uma", "--config", str(config)]
        done = subprocess.run([*START, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2_000:])
