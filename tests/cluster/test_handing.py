"""A file or a store that takes nothing slows the reading: nothing grows behind it, and nothing is lost or told twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.account import Account
from actors.aggregator_state import VERSION, Changes, Kept, LearnedChanges, RunChanges, merged
from actors.settings import Settings
from alerts.incidents import Incidents
from alerts.kept import KeptLines
from alerts.log import AlertLog
from alerts.store.opening import AlertStoreError
from alerts.store.store import AlertStore
from baselines.population import Population
from cluster.config import load
from cluster.handing import Handing
from cluster.storing import Stored, Storing, Writer
from tests.actors.running import TOR, Replayed, event
from tests.actors.test_live import Growing

VAULTS = 30


class Running:
    """A run over an hour with an alert for each vault, of which so many have been raised, and who hands them over."""

    def __init__(self, folder: Path, with_store: bool = True) -> None:
        (folder / "redshank.toml").write_text("[store]\n")
        self.said: list[str] = []
        self.folder = folder
        self.reads = [event(n / 10, n, vault=f"/v{n}", principal=f"p{n}", address=TOR) for n in range(VAULTS)]
        self.source = Growing("log", self.reads)
        self.runtime = Replayed([self.source], Settings(streaming=True, shards=2))
        self.storing: Storing | None = None
        if with_store:
            writer = Writer(load(folder / "redshank.toml", frozenset()))
            self.storing = Storing(Stored(writer, self.said.append))
        self.path = folder / "alerts.jsonl"
        kept = {
            name: KeptLines(folder / f"{name}.jsonl", 1 << 20, 2)
            for name in ("withheld", "rejected", "shadow")
        }
        self.keep: Any = None
        self.handing = Handing(self, AlertLog(self.path), kept, self.storing)  # type: ignore[arg-type]

    def hand_rejected(self) -> None:
        """Nothing is."""

    def read(self, records: int) -> None:
        """Read so many more; each is an alert at once."""
        self.source.has += records
        for _ in range(records):
            self.runtime.advance(10, now_us=self.reads[-1].at_us)

    def until(self, what: Callable[[], bool]) -> None:
        """Hand over till that is so."""
        end = time.monotonic() + 30
        while not what():
            assert time.monotonic() < end, (self.handing.numbers, self.handing.held, self.said)
            self.handing.once()
            time.sleep(0.005)

    def told(self) -> list[str]:
        """Ids in the file."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [json.loads(line)["id"] for line in lines]

    def stored(self) -> dict[str, bool]:
        """Ids in the store, and whether their hour has closed."""
        found = AlertStore(str(self.folder / "redshank.db")).find("", 100)
        return {one.alert.id: one.alert.complete is not False for one in found}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.storing.AGAIN_S", 0.05)
    monkeypatch.setattr("cluster.storing.SLOW_S", 0.1)
    monkeypatch.setattr("cluster.handing.AGAIN_S", 0.05)
    monkeypatch.setattr("cluster.handing.MOST_WAITING", 12)
    monkeypatch.setattr("actors.aggregator.OFFERED", 5)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A store that answers when this is set."""
    answers, really = threading.Event(), Writer.write

    def waits(self: Writer, alerts: Any) -> None:
        answers.wait(300)
        really(self, alerts)

    monkeypatch.setattr(Writer, "write", waits)
    yield answers
    answers.set()


def test_a_store_that_hangs_keeps_nobody_waiting_and_stops_the_reading(
    tmp_path: Path, hanging: threading.Event
) -> None:
    run = Running(tmp_path)
    run.read(8)
    run.until(lambda: len(run.told()) == 8)
    assert not run.handing.held, "it may be quick again before there is too much"
    run.read(8)
    run.until(lambda: "has not answered" in run.handing.held and len(run.told()) == 16)
    assert run.stored() == {}, "the file waited for the store"
    assert not run.handing.store_is_well
    hanging.set()
    run.until(lambda: run.handing.numbers.waiting == 0)
    assert run.handing.held == ""
    assert run.stored().keys() == set(run.told())
    assert len(run.told()) == 16, "told twice"


def test_a_newer_word_that_comes_while_the_store_hangs_is_stored_too(
    tmp_path: Path, hanging: threading.Event
) -> None:
    run = Running(tmp_path)
    run.read(3)
    run.until(lambda: len(run.told()) == 3)
    run.read(VAULTS - 3)
    run.runtime.advance(1_000, now_us=run.reads[-1].at_us + 3 * 3_600_000_000)  # their hour closes
    run.until(lambda: len(run.told()) >= VAULTS + 3)
    hanging.set()
    run.until(lambda: run.handing.numbers.waiting == 0)
    assert list(run.stored().values()) == [True] * VAULTS, "the older word stands there"


def test_a_store_that_fails_is_tried_again_and_what_it_missed_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Writer.write

    def fails(*_: Any) -> None:
        raise AlertStoreError("the disk is full")

    monkeypatch.setattr(Writer, "write", fails)
    run = Running(tmp_path)
    run.read(20)
    run.until(lambda: run.handing.held == "20 alerts wait: the disk is full" and len(run.told()) == 20)
    monkeypatch.setattr(Writer, "write", really)
    run.until(lambda: run.handing.numbers.waiting == 0)
    assert run.stored().keys() == set(run.told())
    assert run.said == [
        "the disk is full; the alerts are kept and tried again",
        "the store of alerts can be used again",
    ]


@pytest.mark.parametrize("with_store", [True, False])
def test_a_full_disk_stops_the_reading_and_no_alert_is_lost(tmp_path: Path, with_store: bool) -> None:
    run = Running(tmp_path, with_store)
    run.read(3)
    run.until(lambda: len(run.told()) == 3)
    really = run.path.rename(tmp_path / "aside")
    run.path.symlink_to("/dev/full")
    run.read(17)
    run.until(lambda: "the file of alerts can't be written: no space left" in run.handing.held)
    run.path.unlink()
    really.rename(run.path)
    run.until(lambda: run.handing.numbers.waiting == 0)
    assert len(run.told()) == len(set(run.told())) == 20
    assert not run.handing.held
    if with_store:
        assert run.stored().keys() == set(run.told())


def test_a_file_beside_that_can_not_be_written_stops_the_reading(tmp_path: Path) -> None:
    run = Running(tmp_path, with_store=False)
    (tmp_path / "rejected.jsonl").symlink_to("/dev/full")
    run.keep([{"reason": "broken"}])
    assert run.handing.held == f"{tmp_path}/rejected.jsonl can't be written: no space left on device"
    (tmp_path / "rejected.jsonl").unlink()
    run.handing.once()
    assert run.handing.held == ""
    assert (tmp_path / "rejected.jsonl").read_text() == '{"reason":"broken"}\n'


def test_what_nobody_took_when_a_server_stops_is_said(tmp_path: Path, hanging: threading.Event) -> None:
    run = Running(tmp_path)
    run.read(4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cluster.handing.LAST_S", 0.3)
        assert run.handing.last() == 4
    hanging.set()
    again = Running(tmp_path)
    again.read(4)
    assert again.handing.last() == 0
    assert len(again.told()) == 4


def finding(entity: str) -> Kept:
    """One that raised no alert."""
    return Kept(
        type="a",
        kind="principal",
        entity=entity,
        start="2026-01-05T00:00:00Z",
        why="learning",
        reason="still learning",
        evidence={},
    )


def test_findings_after_the_last_checkpoint_are_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells them: written now, too, they would stand in the file twice after each stop."""
    run = Running(tmp_path, with_store=False)
    run.read(2)
    fresh, kept = run.runtime.fresh, finding("p")

    def with_kept(again: bool = True) -> Any:
        return msgspec.structs.replace(fresh(again), kept=[kept])

    monkeypatch.setattr(run.runtime, "fresh", with_kept)
    withheld = tmp_path / "withheld.jsonl"
    run.handing.once()
    assert len(withheld.read_text().splitlines()) == 1
    assert run.handing.last() == 0
    assert len(withheld.read_text().splitlines()) == 1
    assert len(run.told()) == 2, "alerts are told still: their ids say whether they were"


def test_findings_that_a_server_has_not_told_yet_are_in_its_checkpoint() -> None:
    """Else those of the last moments before a death or a stop are never told."""
    one, two = finding("p"), finding("q")
    account, first, second = Account(), RunChanges(streaming=True), RunChanges(streaming=True)
    account.load(RunChanges(streaming=True, kept=[one]))
    account.save(first)
    assert account.take()[0] == [one]
    account.load(RunChanges(streaming=True, kept=[two]))
    account.save(second)
    learned = LearnedChanges(0, {}, [], [], Population().state(), Incidents().state())
    both = merged([Changes(VERSION, learned, some) for some in (first, second)], whole=True)
    assert both.run is not None
    again = Account()
    again.load(both.run)
    assert again.take()[0] == [two], "what was told before is not told again"
