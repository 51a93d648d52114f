"""`python -m benchmarks.soak`: a server that runs for an hour at half of what it can take, and must not grow.

A `redshank serve` on Ray reads IPFIX by UDP and logs in a file for each hour, all at once; event time runs 60 times as
fast as the clock, so that hours close and files end all the time. First it is found out how much this machine takes;
half of it is sent from then on. At the end each figure has a slope: one that is above zero for certain, and of more
than noise, is growth, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.record import machine, machine_lines
from benchmarks.soak_sample import Figures, metrics
from benchmarks.soak_server import Served
from benchmarks.trend import Trend, trend

SPEED = 60.0
STEP_S, FACTOR, FIRST = 12.0, 1.6, 5_000.0  # of the search for what it takes
SETTLE_S = 10.0  # after another rate: files are looked for every five seconds
KEEPS_UP = 0.9
EVERY_S = 5.0
# What must not grow, by more than which share of its level and how much at least.
JUDGED = {
    "memory": (0.02, 4.0),
    "descriptors": (0.01, 2.0),
    "sockets": (0.01, 2.0),
    "threads": (0.01, 2.0),
    "processes": (0.0, 0.5),
    "queue": (0.05, 1.0),
    "behind": (0.10, 0.0),
    "journal": (0.05, 16.0),  # a segment
    "state": (0.05, 0.5),
    "files of the state": (0.05, 3.0),
    "kept": (0.05, 1.0),
}


class Soaked(msgspec.Struct):
    """All that was seen."""

    machine: dict[str, Any]
    takes: float  # records a second, at most
    rate: float  # that were sent
    warm_up_s: float
    samples: list[Figures] = []  # each with 's', the seconds since it began
    trends: dict[str, Any] = {}
    growing: list[str] = []
    failed: str = ""


def capacity(folder: Path, speed: float) -> float:
    """Records a second that this machine takes: more and more are sent until it does not keep up."""
    served = Served(folder, speed, 300)
    rate = best = FIRST
    with served.running() as server, served.fed():
        while server.poll() is None:
            served.ask(rate)
            time.sleep(SETTLE_S)
            before, begun = metrics(served.health)["records_read_total"], time.monotonic()
            was_sent = served.sent().records
            time.sleep(STEP_S)
            read = metrics(served.health)["records_read_total"] - before
            sent, seconds = served.sent().records - was_sent, time.monotonic() - begun
            say(f"{sent / seconds:,.0f} records a second sent, {read / seconds:,.0f} read")
            best = max(best, min(read, sent) / seconds)
            if read < KEEPS_UP * sent or sent / seconds < KEEPS_UP * rate:
                return best
            rate *= FACTOR
    raise RuntimeError(f"the server ended: {(folder / 'log').read_text()[-2_000:]}")


def soak(folder: Path, rate: float, minutes: float, speed: float, out: Soaked) -> None:
    """Half an hour, an hour: a look every few seconds."""
    served = Served(folder, speed, minutes * 60)
    with served.running() as server, served.fed():
        served.ask(rate)
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < minutes * 60:
            if server.poll() is not None:
                out.failed = f"the server ended: {(folder / 'log').read_text()[-2_000:]}"
                return
            with suppress(OSError):  # it may be busy
                out.samples.append({"s": now, **served.look(server.pid)})
            if len(out.samples) % 12 == 1:
                last = out.samples[-1]
                say(
                    f"{now / 60:.0f} min: {last['memory, all (MB)']:,.0f} MB, {last['descriptors']:.0f} descriptors, "
                    f"{last['behind, records']:,.0f} records behind"
                )
            time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun - now)))


def judge(out: Soaked) -> dict[str, Trend]:
    """The trends after the warm-up, and what grows."""
    warm = [sample for sample in out.samples if sample["s"] >= out.warm_up_s]
    names = dict.fromkeys(name for sample in warm for name in sample if name != "s")
    trends = {}
    for name in names:
        some = [(sample["s"], sample[name]) for sample in warm if name in sample]
        if len(some) >= 4:
            trends[name] = trend(*zip(*some, strict=True))
            if (bound := _bound(name)) and trends[name].is_growth(*bound):
                out.growing.append(name)
    out.trends = {name: msgspec.to_builtins(one) for name, one in trends.items()}
    return trends


def _bound(name: str) -> tuple[float, float] | None:
    return JUDGED.get(name) or JUDGED.get(name.split(",")[0].split(" (")[0])


def show(out: Soaked, trends: dict[str, Trend], console: Console) -> None:
    """A table of all figures."""
    table = Table("figure", "level", "an hour", "from", "to", "", title="Soak", title_justify="left")
    for name, one in trends.items():
        bound = _bound(name)
        said = "GROWS" if name in out.growing else "flat" if bound else "not judged"
        table.add_row(name, *(f"{value:,.2f}" for value in (one.level, one.slope, one.low, one.high)), said)
    console.print(table)
    console.print(
        f"takes {out.takes:,.0f} records a second; sent {out.rate:,.0f}; warm-up {out.warm_up_s / 60:.1f} min"
    )
    for line in machine_lines(out.machine):
        console.print(line, highlight=False)


def picture(out: Soaked, path: Path) -> None:
    """One panel for each figure, what grows in red."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    names = [name for name in out.trends if _bound(name) or name == "Ray's logs (MB)"]
    rows = -(-len(names) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(12, 1.7 * rows), layout="constrained", squeeze=False)
    for one, name in zip(axes.flat, names, strict=False):
        some = [(sample["s"] / 60, sample[name]) for sample in out.samples if name in sample]
        colour = "#cc3311" if name in out.growing else "#4477aa"
        one.plot(*zip(*some, strict=True), color=colour, linewidth=0.8)
        one.axvspan(0, out.warm_up_s / 60, color="#dddddd", linewidth=0)
        one.set_ylim(bottom=0)
        one.set_title(name, fontsize=8, loc="left")
        one.tick_params(labelsize=7)
        one.spines[["top", "right"]].set_visible(False)
    for one in list(axes.flat)[len(names) :]:
        one.axis("off")
    figure.suptitle("\n".join(["Minutes; grey: the warm-up", *machine_lines(out.machine)]), fontsize=7)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def say(line: str) -> None:
    """To who waits."""
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """0: nothing grows; 1: something does, or the server ended."""
    parser = argparse.ArgumentParser("python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--speed", type=float, default=SPEED, help="seconds of event time in one of the clock"
    )
    parser.add_argument("--share", type=float, default=0.5, help="of what the machine takes")
    parser.add_argument("--rate", type=float, help="records a second, instead of finding out what it takes")
    parser.add_argument("--warm-up", type=float, help="minutes; by default a third")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder of the results")
    given = parser.parse_args()
    warm_up_s = 60 * (given.minutes / 3 if given.warm_up is None else given.warm_up)
    command = f"python -m benchmarks.soak {' '.join(sys.argv[1:])}"
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        about = machine(command)
        takes = given.rate / given.share if given.rate else capacity(Path(folder) / "c", given.speed)
        out = Soaked(about, takes, takes * given.share, warm_up_s)
        soak(Path(folder) / "s", out.rate, given.minutes, given.speed, out)
    trends = judge(out)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(out)))
    if trends:
        picture(out, given.out / "soak.png")
    show(out, trends, Console(emoji=False, width=None if sys.stdout.isatty() else 150))
    if out.failed:
        say(out.failed)
    return int(bool(out.growing or out.failed))


if __name__ == "__main__":
    sys.exit(main())
