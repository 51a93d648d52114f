"""Fuzzes every target: with atheris, which looks for inputs that reach new code, or without, by mutation alone.

    python -m tests.fuzz [--runs N] [TARGET ...]

Exit status 1 where an input made a decoder raise what it must not: the input is kept in `fuzz-faults/`. The same
number of runs tries the same inputs.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

FAULTS = Path("fuzz-faults")
LONGEST = 4_096  # octets of an input
WHOLE_S = 20  # for one input: more is a stall
MEMORY_MB = 2_048
ODD = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


def mutated(octets: bytes, chance: random.Random) -> bytes:
    """Changed in some places: octets, numbers, cuts, repetitions."""
    made = bytearray(octets)
    for _ in range(chance.randint(1, 8)):
        at, size = chance.randrange(len(made) + 1), chance.choice((1, 2, 4, 8))
        match chance.randrange(6):
            case 0:
                made[at : at + size] = chance.choice(ODD).to_bytes(8, "big")[-size:]
            case 1:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                del made[at : at + chance.randint(1, 40)]
            case 3:
                made[at:at] = made[at : at + chance.randint(1, 40)] * chance.randint(1, 4)
            case 4:
                made[at:at] = chance.randbytes(size)
            case _:
                made[at : at + size] = chance.choice(
                    (b"\n", b'"', b"{", b"[", b"]", b",", b"\x00", b"null", b"1e999", b"\\u0000")
                )
    return bytes(made[:LONGEST])


def plain(name: str, target: Target, runs: int) -> bytes | None:
    """Without atheris; the input that was a fault, None if none was."""
    chance = random.Random(name)
    for number in range(runs):
        octets = mutated(target.seeds[number % len(target.seeds)], chance)
        try:
            target.take(octets)
        except Exception as error:
            click.echo(f"{name}: {type(error).__name__}: {error}", err=True)
            return octets
    return None


def guided(name: str, arguments: list[str]) -> None:
    """With atheris; it ends the process."""
    import atheris

    with atheris.instrument_imports(
        include=["ingest", "cluster.frame", "cluster.manifest", "actors", "cluster.feed_http"]
    ):
        from tests.fuzz.targets import targets

    target = targets()[name]
    atheris.Setup([sys.argv[0], *arguments], target.take)
    atheris.Fuzz()


def one(name: str, runs: int) -> int:
    """Fuzz one target in this process."""
    from tests.fuzz.targets import targets

    target = targets()[name]
    octets = plain(name, target, runs)
    if octets is None:
        click.echo(f"Done {runs} runs")
        return 0
    FAULTS.mkdir(exist_ok=True)
    (FAULTS / f"{name.replace(' ', '_')}.bin").write_bytes(octets)
    return 1


def fuzz(name: str, seeds: list[bytes], runs: int, with_atheris: bool) -> bool:
    """One target in a process of its own; whether it held."""
    begun = time.monotonic()
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / f"{number}").write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--runs", str(runs)]
        if with_atheris:
            FAULTS.mkdir(exist_ok=True)
            told = f"-artifact_prefix={FAULTS}/{name.replace(' ', '_')}-"
            limits = [f"-max_len={LONGEST}", f"-timeout={WHOLE_S}", f"-rss_limit_mb={MEMORY_MB}"]
            command += ["--guided", "--", f"-runs={runs}", "-seed=1", told, *limits, corpus]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = done.stdout + done.stderr
    tried = re.search(r"Done (\d+) runs", said)
    held = done.returncode == 0 and tried is not None
    took = time.monotonic() - begun
    fate = "ok" if held else "FAULT"
    click.echo(f"{name:24} {int(tried[1]) if tried else 0:>10,} inputs {took:>6.0f} s {fate}")
    if not held:
        click.echo(said[-4_000:], err=True)
    return held


def main() -> int:
    """Fuzz what was named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=20_000, help="inputs for each target")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--guided", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        if asked.guided:
            guided(asked.one, asked.names)
        return one(asked.one, asked.runs)
    from tests.fuzz.targets import targets

    found = targets()
    if unknown := set(asked.names) - found.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
    with_atheris = importlib.util.find_spec("atheris") is not None
    if not with_atheris:
        click.echo(
            "atheris is not installed (uv pip install atheris; Python 3.11 to 3.13): by mutation alone"
        )
    held = [fuzz(name, found[name].seeds, asked.runs, with_atheris) for name in asked.names or found]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
