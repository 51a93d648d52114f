"""`python -m benchmarks.chaos`: a run whose processes are killed all the time, held against one that is left alone.

Victims are chosen by chance among the driver, the router, shard, reader and aggregator actors, the raylet and
Ray's control service. Who kills the driver starts the same command again, as a service manager would. At the
end the alerts must be the same octets, and the line with what became of the records the same line.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import inputs
from benchmarks.descendants import descendants

KINDS = {
    "RemoteShard": "shard",
    "RemoteRouter": "router",
    "RemoteFeeder": "router",
    "RemoteAggregator": "aggregator",
    "RemoteReader": "reader",
    "raylet/raylet": "raylet",
    "gcs_server": "control service",
}
EVERY_S = 1.0  # a checkpoint
SAID = re.compile(r"records? read")


@dataclass(slots=True)
class Chaos:
    """What was done to a run, and what it came to."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    summary: str = ""
    alerts: bytes = b""
    said: str = ""  # on standard output


def command(given: list[str], config: Path, out: Path, *more: str) -> list[str]:
    """`redshank detect` as a process of its own."""
    start = "import sys; from cluster.cli import main; sys.exit(main())"
    said = ["detect", *given, "--config", str(config), "--alerts", str(out / "alerts.jsonl"), *more]
    return [sys.executable, "-c", start, *said]


def configured(config: Path, folder: Path, every_s: float = EVERY_S) -> Path:
    """The same configuration with frequent checkpoints; what it names stays where it is."""
    place = config.parent / f".chaos-{folder.name}.toml"
    place.write_text(config.read_text() + f"\n[checkpoints]\nevery_seconds = {every_s}\n")
    return place


def undisturbed(given: list[str], config: Path, out: Path, *more: str) -> Chaos:
    """One run that is left alone."""
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command(given, config, out, *more), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(done.stderr)
    return Chaos(starts=1, summary=_summary(done.stderr), alerts=(out / "alerts.jsonl").read_bytes())


def disturbed(
    given: list[str],
    config: Path,
    out: Path,
    chance: random.Random,
    kills: int,
    pause_s: tuple[float, float],
    *more: str,
    kinds: frozenset[str] = frozenset(),
    further: bool = False,
) -> Chaos:
    """A run to its end, with at most so many kills; `kinds` of victims, by default all.

    `further`: the pause before a kill begins when another checkpoint holds, so that also a quick run is hit.
    """
    out.mkdir(parents=True, exist_ok=True)
    chaos = Chaos()
    state = ["--state", str(out / "state")]
    progress = (lambda: _newest(out / "state")) if further else None
    with (out / "stderr").open("w+") as said, (out / "stdout").open("w+") as shown:
        while True:
            chaos.starts += 1
            said.truncate(0)
            said.seek(0)
            process = subprocess.Popen(command(given, config, out, *state, *more), stderr=said, stdout=shown)
            status = _disturb(process, chaos, chance, kills, pause_s, kinds, progress)
            said.flush()
            said.seek(0)
            words = said.read()
            if status in (0, 3):
                chaos.summary, chaos.alerts = _summary(words), (out / "alerts.jsonl").read_bytes()
                chaos.said = (out / "stdout").read_text()
                return chaos
            if status == 2 or (not _by_kill(status, words) and chaos.kills.total() == 0):
                raise RuntimeError(f"status {status}: {words[-2_000:]}")
            if chaos.starts > 3 * kills + 20:
                raise RuntimeError(f"it does not come to an end: {words[-2_000:]}")


def _by_kill(status: int, words: str) -> bool:
    return status < 0 or "died" in words


def _disturb(
    process: subprocess.Popen[bytes],
    chaos: Chaos,
    chance: random.Random,
    kills: int,
    pause_s: tuple[float, float],
    kinds: frozenset[str],
    progress: Callable[[], str] | None,
) -> int:
    while True:
        if progress is not None and chaos.kills.total() < kills:
            _wait_for_another(process, progress)
        try:
            wait_s = chance.uniform(*pause_s) if chaos.kills.total() < kills else None
            return process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            victims: dict[str, list[int]] = {"driver": [process.pid]}
            for pid, kind in below(process.pid):
                victims.setdefault(kind, []).append(pid)
            allowed = sorted(kind for kind in victims if not kinds or kind in kinds)
            if allowed:
                kind = min(chance.sample(allowed, len(allowed)), key=lambda one: chaos.kills[one])
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(sorted(victims[kind])), signal.SIGKILL)
                    chaos.kills[kind] += 1


def _wait_for_another(process: subprocess.Popen[bytes], progress: Callable[[], str]) -> None:
    before = progress()
    while process.poll() is None and progress() == before:
        time.sleep(0.01)


def _newest(state: Path) -> str:
    return max((one.name for one in state.glob("manifest-" + 12 * "[0-9]")), default="")


def below(pid: int) -> Iterator[tuple[int, str]]:
    """Ray's processes that a driver has started, and theirs: pid and what it is."""
    for child, words in descendants(pid):
        first = words.split(" ", 1)[0]
        kind = next((name for mark, name in KINDS.items() if mark in first), None)
        if kind is not None:
            yield child, kind


def _summary(stderr: str) -> str:
    return next((line for line in stderr.splitlines() if SAID.search(line)), "")


def main() -> int:
    """Rounds until so many kills were made; each one must come out the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="*", default=["demo/telemetry"], help="default: the demo's telemetry")
    parser.add_argument("--config", type=Path, default=Path("demo/telemetry/redshank.toml"))
    parser.add_argument("--flows", type=int, help="in their place so many IPFIX flows, in four files")
    parser.add_argument("--only", nargs="+", choices=sorted({*KINDS.values(), "driver"}), default=[])
    parser.add_argument("--routers", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runtime", choices=["ray", "loop"], default="ray")
    parser.add_argument("--pause", type=float, nargs=2, default=(2.0, 25.0), metavar=("LEAST", "MOST"))
    given = parser.parse_args()
    chance, total, rounds = random.Random(given.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        if given.flows:
            given.config = inputs.configuration(Path(folder), inputs.indicators())
            with given.config.open("a") as file:
                file.write("[detections]\nlearning_days = 0\n")  # an hour is all there is
            made = inputs.flows(Path(folder), given.flows, relevant=0.05, files=4, hot=0.1)
            given.inputs = [str(path) for path in made.paths]
        config = configured(given.config, Path(folder))
        try:
            expected = undisturbed(given.inputs, config, Path(folder) / "alone", "--runtime", "loop")
            config.write_text(config.read_text() + f"\n[engine]\nrouters = {given.routers}\n")
            number = len(expected.alerts.splitlines())
            print(f"left alone: {number} alerts; {expected.summary}", flush=True)
            while total.total() < given.kills:
                rounds += 1
                left = given.kills - total.total()
                more, kinds = ("--runtime", given.runtime), frozenset(given.only)
                out = Path(folder) / f"round-{rounds}"
                found = disturbed(
                    given.inputs, config, out, chance, left, tuple(given.pause), *more, kinds=kinds
                )
                total += found.kills
                same = found.alerts == expected.alerts and found.summary == expected.summary
                kills = ", ".join(f"{number} {kind}" for kind, number in sorted(found.kills.items()))
                print(
                    f"round {rounds}: killed {kills}; {found.starts} starts; {'the same' if same else 'DIFFERENT'}"
                )
                sys.stdout.flush()
                if not same:
                    print(found.summary)
                    return 1
        finally:
            config.unlink()
    print(f"{total.total()} kills in {rounds} rounds, every one with the same alerts and counts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
