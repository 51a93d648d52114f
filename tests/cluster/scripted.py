"""A runtime that dies where a test says so, over a real store: its stream is a list of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from actors import aggregator_state, shard_state
from actors.aggregator_state import Kept, LearnedChanges, RunChanges
from actors.conductor import Marked, Progress, Standing
from actors.entity import EntityState
from actors.outcome import Outcome
from actors.saving import AGGREGATOR, LASTING, SHARD, compact
from actors.shard_state import EntityChange
from actors.steps import Counts, Place, RunState
from alerts.incidents import Incidents
from baselines.population import Population
from cluster.beginning import beginning
from cluster.checkpoints import Manifest, Store
from cluster.errors import LostError
from cluster.run import Every, Run
from ingest.records import Rejected

NAME = "numbers"
Fails = Callable[[str, int], Exception | None]  # what a call raises, by its name and how often it was made


def deaths(*when: tuple[str, int]) -> Fails:
    """Deaths at some calls."""
    return lambda call, number: LostError(f"{call} {number}") if (call, number) in when else None


NONE = deaths()


class Scripted:
    """Reads numbers from 0 on, one a step. Every third is rejected, of every other one an entity is kept."""

    def __init__(
        self, store: Store, length: int = 30, fails: Fails = NONE, slow: int = 0, saves: bool = True
    ) -> None:
        self.skipped: list[str] = []
        self.rejected: list[Rejected] = []
        self.store, self.length, self.fails, self.slow, self.saves = store, length, fails, slow, saves
        self.calls: Counter[str] = Counter()
        self.begun_at: list[
            tuple[int, list[int]]
        ] = []  # where each start began: records read, and applied ones
        self.stopped = False

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        error = self.fails(name, self.calls[name])
        if error is not None:
            raise error

    def start(
        self, standing: Standing | None = None, parts: Sequence[Any] = (), epoch: int = 1, tag: str = ""
    ) -> None:
        at = standing or Standing()
        self.learned = list[int]()  # by earlier runs too
        self.kept = list[Kept]()
        self.calls_of_written = 0
        for part in parts:
            if part.kind == SHARD:
                self.learned += numbers_of(self.store.read(part))
            elif part.kind == AGGREGATOR:
                run = aggregator_state.unpack(self.store.read(part)).run
                self.kept += run.kept if run else []
        self.run = at.run or RunState(0, Counts(), [])
        self.unsaved, self.unsaved_kept = list[int](), list[Kept]()
        self.told, self.epoch, self.tag = at.rejected, epoch, tag
        self.finished, self.drained = False, False
        self.begun_at.append((self.run.counts.read, list(self.learned)))
        self._call("start")

    def advance(self, steps: int, mark: bool = False, now_us: int = 0) -> Progress:
        rejected, marked = [], []
        if mark:
            marked.append(self._mark())
        self._call("advance")
        for _ in range(steps):
            number = self.run.counts.read
            if number == self.length:
                if self.drained:
                    self.finished = True
                    break
                self.drained = True
                marked += [self._mark()] if self.saves else []
                break
            self.run.counts.read += 1
            self.run.places = [Place(NAME, position=number)]
            if number % 3 == 0:
                rejected.append(Rejected(reason=f"number {number}", source=NAME, offset=number))
                self.told += 1
            else:
                self.learned.append(number)
                self.unsaved.append(number)
                self.unsaved_kept.append(kept(number))
                self.kept.append(kept(number))
        counts = self.run.counts
        return Progress(counts, self.drained, 1, rejected, self.drained, self.finished, marked)

    def _mark(self) -> Marked:
        parts = []
        prefix = f"{self.epoch:012d}-{self.tag}"
        parts.append(self.store.write(f"{prefix}-shard-0000", body_of(self.unsaved), SHARD))
        run = RunChanges(kept=self.unsaved_kept, applied=len(self.kept))
        parts.append(self.store.write(f"{prefix}-aggregator", aggregator_body(run), AGGREGATOR))
        if self.drained:
            parts.append(self.store.write(f"{prefix}-lasting", aggregator_body(None), LASTING))
        self.unsaved, self.unsaved_kept = [], []
        run = msgspec.msgpack.decode(msgspec.msgpack.encode(self.run), type=RunState)
        self.epoch += 1
        self._call("checkpoint")
        return Marked(self.epoch - 1, Standing({}, [], run, self.told, [], 1), parts, self.drained)

    def written(self, marked: Marked, wait: bool = False) -> Marked | None:
        self._call("written")
        self.calls_of_written += 1
        return marked if wait or self.calls_of_written % (self.slow + 1) == 0 else None

    def compact(self, name: str, parts: Sequence[Any], closed_until: int, whole: bool) -> Any:
        self._call("compact")
        return [self.slow, compact(self.store, name, parts, closed_until, whole)]

    def compacted(self, promise: Any) -> Any:
        self._call("compacted")
        promise[0] -= 1
        return promise[1] if promise[0] < 0 else None

    def finish(self) -> Outcome:
        self._call("finish")
        return Outcome(
            alerts=[], kept=self.kept, kept_total=0, faults=[], applied=len(self.kept), late=0, filtered={},
            entities=len(self.learned), entity_days=0,
        )  # fmt: skip

    def stop(self) -> None:
        self.stopped = True


def kept(number: int) -> Kept:
    """What came of a number."""
    return Kept(type="t", kind="k", entity=str(number), start="", why="learning", reason="", evidence={})


def body_of(numbers: Sequence[int]) -> bytes:
    """A shard's part: an entity for each number, that no two are the same."""
    made = [(f"principal:{n:06d}", EntityState("principal", f"{n:06d}", 0, n).pack()) for n in numbers]
    return shard_state.pack(shard_state.Changes(entities=[EntityChange(0, *one) for one in made]))


def numbers_of(body: bytes) -> list[int]:
    """The numbers again."""
    return [int(entity.key.split(":")[1]) for entity in shard_state.unpack(body).entities]


def aggregator_body(run: RunChanges | None) -> bytes:
    """An aggregator's part."""
    learned = LearnedChanges(0, {}, [], [], Population().state(), Incidents().state())
    return aggregator_state.pack(aggregator_state.Changes(aggregator_state.VERSION, learned, run))


def names_in(folder: Path) -> set[str]:
    """The parts there."""
    return {path.name for path in folder.iterdir() if path.name[0].isdigit()}


LENGTH = 30
REJECTED = [n for n in range(LENGTH) if n % 3 == 0]
APPLIED = [n for n in range(LENGTH) if n % 3]


class Played:
    """A run and all that was said and seen of it."""

    def __init__(self, folder: Path, fails: Fails = NONE, who: str | None = "me", **more: Any) -> None:
        self.store = Store(folder)
        self.said: list[str] = []
        self.begin = beginning(self.store, who)
        self.runtime = Scripted(self.store, LENGTH, fails, **more)
        self.run = Run(self.runtime, self.store, self.begin, Every(0.0), self.said.append)

    def play(self, steps: int = 2, stop_at: int | None = None) -> Outcome | None:
        self.run.start()
        while not (progress := self.run.advance(steps)).done:
            if stop_at is not None and progress.counts.read >= stop_at:
                return None
        return self.run.finish()

    def rejected(self) -> list[int]:
        return [one.offset for one in self.run.rejected]


def check(played: Played, outcome: Outcome | None) -> None:
    assert outcome is not None
    assert played.rejected() == REJECTED, "none twice, none missing"
    assert [one.entity for one in outcome.kept] == list(map(str, APPLIED))
    assert played.runtime.learned == APPLIED


def newest(folder: Path) -> Manifest:
    found = Store(folder).latest()
    assert found is not None
    return found


def damage(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
