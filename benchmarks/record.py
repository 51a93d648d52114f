"""What a benchmark found, and on what: rows, the machine, JSON, and the comparison with an older file."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

PACKAGES = ("redshank", "ray", "numpy", "river", "msgspec", "bytewax")
ROOT = Path(__file__).parents[1]
FORMAT = 1
IDLE = 0.5  # load of the last minute that a run of ours before leaves


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. A goal is shown beside it, met or not; it is no assertion."""

    benchmark: str
    case: str
    metric: str
    value: float | None  # None: it could not be measured, and `note` says why
    unit: str = ""
    goal: float | None = None
    at_most: bool = False  # the goal is an upper bound
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """By what a row is found again in another file."""
        return self.benchmark, self.case, self.metric

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one, or without a value."""
        if self.goal is None or self.value is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Record:
    """A benchmark's rows with what they were measured on."""

    rows: list[Row]
    machine: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"format": FORMAT, "machine": self.machine, "rows": [asdict(row) for row in self.rows]}
        path.write_text(json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Record:
        """From JSON. Raises ValueError, in one line, for what is no such file."""
        try:
            content = msgspec.json.decode(path.read_bytes(), type=_Kept)
            msgspec.convert(content.machine, _Machine)
        except OSError as error:
            raise ValueError(f"{path}: can't be read: {error.strerror}") from None
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path}: holds no benchmark's rows: {error}") from None
        if content.format != FORMAT:
            raise ValueError(f"{path}: holds no benchmark's rows of form {FORMAT}")
        return cls(content.rows, content.machine)


class _Machine(msgspec.Struct):
    """What a record is shown with; checked before minutes are spent on measuring something to set beside it."""

    cpu: str
    cores: int
    memory_gb: float
    os: str
    python: str
    versions: dict[str, str]
    commit: str
    command: str
    load: float
    at: str


class _Kept(msgspec.Struct):
    """The form of the file."""

    format: int
    machine: dict[str, Any]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Change:
    """A figure then and now."""

    key: tuple[str, str, str]
    unit: str
    old: float | None
    new: float | None

    @property
    def ratio(self) -> float | None:
        """New to old, where there are both."""
        return self.new / self.old if self.new is not None and self.old else None


def compare(old: Record, new: Record) -> list[Change]:
    """Every figure of the new record beside its older one, and those that are no longer there."""
    before = {row.key: row for row in old.rows}
    now = {row.key: row for row in new.rows}
    measured = {row.benchmark for row in new.rows}
    gone = [row for row in old.rows if row.key not in now and row.benchmark in measured]
    return [
        Change(row.key, row.unit, before[row.key].value if row.key in before else None, row.value)
        for row in new.rows
    ] + [Change(row.key, row.unit, row.value, None) for row in gone]


# The machine


def machine(command: str) -> dict[str, Any]:
    """Everything that a figure hangs on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))} | _nfdump(),
        "commit": _commit(),
        "command": command,
        "load": round(os.getloadavg()[0], 1),  # of others, before anything of ours runs
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def command_line() -> str:
    """The command that is running, as a person would type it."""
    arguments = sys.argv[1:]
    return " ".join(["python -m benchmarks", *arguments])


def machine_lines(facts: dict[str, Any]) -> list[str]:
    """The machine in words, for the foot of a table."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    lines = [
        f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gb']:g} GB; {facts['os']}",
        f"Python {facts['python']}; {versions}; commit {facts['commit']}; {facts['at']}",
        facts["command"],
    ]
    if facts["load"] > IDLE:
        lines.append(f"The machine was not idle: others' load was {facts['load']:g}. Only CPU seconds tell.")
    return lines


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _nfdump() -> dict[str, str]:
    if shutil.which("nfdump") is None:
        return {}
    said = subprocess.run(["nfdump", "-V"], capture_output=True, text=True, check=False).stdout.split()
    return {"nfdump": said[-1]} if said else {}


def _commit() -> str:
    """The commit, with a '+' if the tree differs from it; '' outside a repository."""
    try:
        name = _git("rev-parse", "--short", "HEAD")
        return name + "+" * bool(_git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
