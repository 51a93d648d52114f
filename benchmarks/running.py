"""Commands with the seconds and the CPU seconds that they took.

CPU seconds are of the command and of every process that came of it. Ray's workers are no children that the
command waits for, so `wait4` does not know them: /proc is read five times a second for the user and system time
of all processes that descend from the command, and the last value of each is added up. What a process did in its
last fifth of a second may be missing. Of a command without such processes, `wait4` says all.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INTERVAL_S = 0.2
ENOUGH_S = 12.0  # of runs of one command
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took, and said."""

    seconds: float
    cpu_s: float | None  # None where there is no /proc
    said: str = ""  # standard output
    told: str = ""  # standard error

    def less(self, start: Run) -> Run:
        """Without its start."""
        cpu = None if self.cpu_s is None or start.cpu_s is None else self.cpu_s - start.cpu_s
        return Run(self.seconds - start.seconds, cpu, self.said, self.told)


class CommandError(RuntimeError):
    """A command that is measured failed."""


def run(command: Sequence[str | Path], okay: tuple[int, ...] = (0,)) -> Run:
    """Run a command to its end. Raises CommandError if it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = _started(words, out, err)
        family = Family(process.pid)
        with family:
            _, ended, used = _waited(process)
        seconds = time.perf_counter() - begun
        status = process.returncode = os.waitstatus_to_exitcode(ended)
        said, told = _text(out), _text(err)
    if status not in okay:
        raise CommandError(f"{' '.join(words[:6])} ... ended with {status}: {told[-2000:]}")
    waited = used.ru_utime + used.ru_stime
    return Run(seconds, None if family.cpu_s is None else max(family.cpu_s, waited), said, told)


def _started(words: list[str], out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(words, stdout=out, stderr=err)
    except OSError as error:
        raise CommandError(f"{words[0]}: can't be run: {error.strerror}; is it installed here?") from None


def _waited(process: subprocess.Popen[bytes]) -> tuple[int, int, resource.struct_rusage]:
    """What `wait4` says. Who stops us stops the command, too: nothing goes on unseen."""
    try:
        return os.wait4(process.pid, 0)
    except BaseException:
        process.terminate()
        process.wait()
        raise


def best(command: Sequence[str | Path], times: int) -> Run:
    """The quickest of several runs: what disturbs a run only ever makes it longer. A long run is not repeated."""
    return best_of_each([command], times)[0]


def best_of_each(commands: Sequence[Sequence[str | Path]], times: int) -> list[Run]:
    """The same of several commands that take turns, every second time the other way round: a machine that is slow for a
    minute is slow for all of them, and none is always the first to read a file. One that is long is run less often, and so
    has less of a chance to be undisturbed."""
    runs: list[list[Run]] = [[] for _ in commands]
    turn = list(zip(runs, commands, strict=True))
    for _ in range(times):
        for some, command in turn:
            if sum(one.seconds for one in some) < ENOUGH_S:
                some.append(run(command))
        turn.reverse()
    return [min(some, key=lambda one: one.seconds) for some in runs]


def module(name: str, *arguments: str | Path) -> list[str | Path]:
    """The command of a module of ours."""
    return [sys.executable, "-m", name, *arguments]


def _text(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    return file.read().decode("utf-8", "replace")  # type: ignore[attr-defined,no-any-return]


class Family:
    """The CPU time of a process and all that descends from it, while the context lasts."""

    def __init__(self, root: int) -> None:
        self._known = {root}
        self._ticks: dict[tuple[int, int], int] = {}  # (process, when it began) -> user + system
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Family:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    @property
    def cpu_s(self) -> float | None:
        """All of it so far."""
        return sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK") if self._ticks else None

    def _watch(self) -> None:
        while not self._over.wait(INTERVAL_S if self._ticks else 0.01):
            self._look()

    def _look(self) -> None:
        try:
            alive = {int(name): _stat(int(name)) for name in os.listdir(_PROC) if name.isdigit()}  # noqa: PTH208
        except OSError:
            return  # another kind of system
        grown = True
        while grown:
            grown = False
            for number, about in alive.items():
                if about and number not in self._known and about[0] in self._known:
                    self._known.add(number)
                    grown = True
        for number in self._known:
            if about := alive.get(number):
                self._ticks[number, about[2]] = about[1]


def _stat(number: int) -> tuple[int, int, int] | None:
    """A process's parent, ticks of user and system time, and when it began; None if it is gone."""
    try:
        words = (_PROC / str(number) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    return int(words[1]), int(words[11]) + int(words[12]), int(words[19])
