"""The benchmarks, all or one.

    python -m benchmarks [throughput|peers|latency|quality|recovery|memory|state|collect|overload|scaling ...] [--scale S] [--compare OLD.json]

Without a name all of them run, within ten minutes on two cores: of each the main cases, once, on inputs two thirds
as large or less, and within its share of the time. With a name all cases of it run. Each writes its rows, with the
machine, the versions, the commit and the command, to build/bench/NAME.json, and a picture beside it. A scale of 0.1
makes the inputs a tenth as large: quick, and too small to state anything.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from benchmarks import (
    collect,
    latency,
    memory,
    overload,
    peers,
    quality_rows,
    recovery,
    scaling,
    show,
    state,
    throughput,
)
from benchmarks.lab import Lab, say
from benchmarks.record import Record, Row, command_line, compare, machine
from benchmarks.running import CommandError

# Those first that the others share inputs and timings with.
ALL: dict[str, Callable[[Lab], Iterator[Row]]] = {
    one.NAME: one.rows
    for one in (
        throughput,
        peers,
        latency,
        quality_rows,  # forks, and is best done before a driver of Ray's was here
        recovery,
        memory,
        state,
        collect,
        overload,
        scaling,
    )
}
# How a run of all of them divides its time: about the seconds that each takes on two cores, and a tenth. What one leaves
# those behind it have.
SHARES = {
    "throughput": 115,
    "peers": 125,
    "latency": 75,
    "quality": 15,
    "recovery": 45,
    "memory": 25,
    "state": 30,
    "collect": 8,
    "overload": 20,
    "scaling": 140,
}
SHARE = 30  # of one that has none there
BRIEF = 9.5  # minutes of a run of all: what is begun then is ended within ten
BRIEF_SCALE, BRIEF_TIMES = 0.65, 1
OUT = Path("build/bench")
WIDTH = 150
STOPPED = 130  # as a shell has it


def main(arguments: list[str] | None = None) -> int:
    """Run, write, show; 1 if a benchmark could not be run to its end, 130 if somebody stopped it."""
    chosen, old = _asked(_parser(), arguments)
    facts, console = machine(command_line()), _console()
    everything: list[Row] = []
    status = 0
    with tempfile.TemporaryDirectory(prefix="redshank-bench-") as folder:
        lab = _lab(Path(folder), chosen)
        names = chosen.names or [*ALL]
        for number, name in enumerate(names):
            if lab.brief:
                rest = [SHARES.get(one, SHARE) for one in names[number:]]
                lab.allow(rest[0] / sum(rest))
            rows, ended = _run(name, lab)
            status = max(status, ended)
            everything += rows
            _keep(Record(rows, facts), chosen.out / name)
            show.table(Record(rows, facts), console)
            console.print()
            if ended == STOPPED:
                break
    record = Record(everything, facts)
    if not chosen.names:
        _keep(record, chosen.out / "all")
    if old is not None:
        if not {row.key for row in old.rows} & {row.key for row in everything}:
            others = ", ".join(sorted({row.benchmark for row in old.rows})) or "no rows"
            say(f"{chosen.compare}: has nothing of what was measured now, but: {others}")
        show.comparison(old, record, compare(old, record), console)
    return status


def _lab(folder: Path, chosen: argparse.Namespace) -> Lab:
    """Brief where all are to run; what is asked for in words goes before."""
    if chosen.names:
        return Lab(folder, chosen.scale or 1.0, chosen.times or 2, chosen.minutes or float("inf"))
    say("of each the main cases; `python -m benchmarks NAME` has all of one")
    times = chosen.times or BRIEF_TIMES
    return Lab(folder, chosen.scale or BRIEF_SCALE, times, chosen.minutes or BRIEF, brief=True)


def _asked(
    parser: argparse.ArgumentParser, arguments: list[str] | None
) -> tuple[argparse.Namespace, Record | None]:
    """What is asked for, and the older record: what can't be used is told before minutes are spent on measuring."""
    chosen = parser.parse_args(arguments)
    try:
        old = Record.read(chosen.compare) if chosen.compare else None
        chosen.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=chosen.out):
            pass
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--out {chosen.out}: can't be written to: {error.strerror}")
    return chosen, old


def _console() -> Console:
    """In a file or a pipe nobody's terminal is too narrow for the figures."""
    return Console(emoji=False, width=None if sys.stdout.isatty() else WIDTH)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--scale", type=_positive, help=f"of the inputs' sizes (1; of all: {BRIEF_SCALE:g})")
    parser.add_argument(
        "--times",
        type=_count,
        help=f"runs of throughput and peers of which the quickest counts (2; of all: {BRIEF_TIMES})",
    )
    parser.add_argument(
        "--minutes", type=_positive, help=f"after which the rest is left out (no end; of all: {BRIEF:g})"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="an older result, to be set beside")
    return parser


def _name(text: str) -> str:
    if text not in ALL:
        raise argparse.ArgumentTypeError(f"there is no benchmark '{text}': one of {', '.join(ALL)}")
    return text


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")


def _count(text: str) -> int:
    with suppress(ValueError):
        if (value := int(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 on")


def _run(name: str, lab: Lab) -> tuple[list[Row], int]:
    """A benchmark's rows, as far as it comes, and the exit status of how it ended."""
    rows: list[Row] = []
    begun = time.perf_counter()
    try:
        lab.in_time()
        rows.extend(ALL[name](lab))
    except (CommandError, OSError) as error:  # no room for an input, say
        say(f"{name}: {error}")
        return rows, 1
    except KeyboardInterrupt:
        say(f"{name}: stopped; what was measured till now is kept")
        return rows, STOPPED
    say(f"{name} took {time.perf_counter() - begun:.0f} s")
    return rows, 0


def _keep(record: Record, place: Path) -> None:
    record.write(place.with_suffix(".json"))
    if record.rows and (why := show.picture(record, place.with_suffix(".svg"))):
        say(why)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left behind, whoever ends it
    sys.exit(main())
