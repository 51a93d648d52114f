"""`redshank status`: what it tells of a run, beside it and after it, and of places that hold none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from actors.steps import Place, RunState
from cluster.beginning import SERVE, packed_place, place_of
from cluster.checkpoints import Store
from cluster.cli import cli
from cluster.errors import UserError
from cluster.manifest import Manifest
from cluster.status import SourceRead, Status, opened, status_of, watermark
from cluster.status_text import show
from ingest.feed_history import FeedNow
from ingest.told_holders import HoldersNow
from tests.cluster.operating import detected, ended, organisation, under_way


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return organisation(tmp_path_factory.mktemp("status") / "organisation")


@pytest.fixture(scope="module")
def whole(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state that a whole run has left."""
    state = tmp_path_factory.mktemp("whole") / "state"
    detected(config, state)
    return state


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["status", *map(str, arguments)], standalone_mode=False)


def told(status: Status) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        show(console, status)
    return captured.get()


def as_json(*arguments: object) -> Any:
    return json.loads(asked(*arguments, "--json").stdout)


def left_by(state: Path) -> tuple[Store, Manifest, Any, RunState]:
    """What a run has left: its store, the newest manifest, where it stands, and where its sources do."""
    store = Store(state)
    manifest = store.latest()
    assert manifest is not None
    standing = place_of(manifest)
    assert standing.run is not None
    return store, manifest, standing, standing.run


def test_a_port_that_nothing_came_to_does_not_put_the_watermark_to_1970(config: Path, tmp_path: Path) -> None:
    """Whoever looks would take all that was judged for not yet judged."""
    state = tmp_path / "state"
    with under_way(config, state, 2):
        pass
    store, manifest, standing, at = left_by(state)
    at.places = [Place("udp://127.0.0.1:4739", 0, [1, "datagrams", 0, 0, 0, []])]
    standing.router |= {"open_hours": [], "closed_until": 490_000}
    manifest.epoch, manifest.router = manifest.epoch + 1, packed_place(standing)
    with store.lock():
        store.commit(manifest)
    status = status_of(Store(state), 600_000_000)
    assert status.watermark_us == 490_000 * 3_600_000_000
    assert "nothing yet" in told(status)
    assert "1969" not in told(status)


def test_a_run_under_way_is_told_beside_it(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with under_way(config, state, 2) as run:
        status = status_of(Store(state), 600_000_000)
        assert (status.state, status.in_use) == ("under way", True)
        assert status.sources == sorted(status.sources, key=lambda source: source.frontier_us)
        assert status.sources
        assert status.watermark_us is not None
        assert status.watermark_us <= status.sources[0].frontier_us - 600_000_000
        assert status.closed_until_us is None or status.closed_until_us <= status.watermark_us
        assert "it runs now" in told(status)
        ended(run)
    after = status_of(Store(state))
    assert (after.state, after.in_use) == ("delivered", False)
    assert after.epoch > status.epoch


def test_a_run_that_died_is_said_to_be_one(config: Path, tmp_path: Path) -> None:
    with under_way(config, tmp_path / "state", 1):
        pass
    assert "nobody runs it now" in asked(tmp_path / "state").stdout.replace("\n", " ")


def test_of_a_server_that_was_stopped_nothing_is_said_to_be_undelivered(config: Path, tmp_path: Path) -> None:
    """It has handed its alerts over as it read: who is told otherwise looks for alerts that are not missing."""
    state = tmp_path / "state"
    with under_way(config, state, 2):
        pass
    store, manifest, standing, at = left_by(state)
    at.places = []  # no source has anything more
    manifest.router = packed_place(standing)
    for fingerprint, words in (
        ("x", "not delivered yet; nobody runs it"),
        (SERVE, "under way; nobody runs it"),
    ):
        manifest.epoch, manifest.run = manifest.epoch + 1, {**manifest.run, "fingerprint": fingerprint}
        with store.lock():
            store.commit(manifest)
        assert words in told(status_of(Store(state)))


def test_the_fates_of_a_delivered_run_add_up(whole: Path) -> None:
    found = as_json(whole)
    records = found["records"]
    assert records["read"] > 50_000
    assert records["read"] == sum(records[fate] for fate in ("applied", "late", "rejected")) + sum(
        records["filtered"].values()
    )
    assert (found["sources"], found["state"]) == ([], "delivered")
    assert found["sources_finished"] > 0
    assert found["entities"]["principal"] > 0
    assert found["entities"]["vault"] > 0
    assert found["stored"]["octets"] == sum(found["stored"]["by_kind"].values())
    assert set(found["layers_since_us"]) == {"network", "management", "key_vault"}
    assert found["age_s"] < 600


def test_a_budget_is_told_with_what_it_let_through_and_kept_back(config: Path, tmp_path: Path) -> None:
    """Whoever set one wants to know what it costs, before it hides an attack."""
    written = config.read_text()
    budgeted = config.parent / "budgeted.toml"
    budgeted.write_text(written.replace("[detections]\n", "[detections]\nbudget = 2.5\n"))
    detected(budgeted, tmp_path / "state")
    found = as_json(tmp_path / "state")["budget"]
    assert found["a_day"] == 2.5
    assert found["days"]
    assert all(set(day) == {"day", "told", "withheld"} for day in found["days"])
    said = asked(tmp_path / "state").stdout
    assert "2.5 false alerts a day" in said
    assert f"{found['days'][0]['day']}: " in said


def test_without_a_budget_nothing_is_said_of_one(whole: Path) -> None:
    assert as_json(whole)["budget"] is None
    assert "budget" not in asked(whole).stdout


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_shown(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with under_way(config, state, 2):
        pass
    newest = max(state.glob("manifest-*"))
    newest.write_bytes(newest.read_bytes()[:-9])
    found = as_json(state)
    assert found["epoch"] == int(newest.name[9:]) - 1
    assert newest.name in found["complaints"][0]
    assert "damaged" in asked(state).stdout


def test_a_damaged_part_is_told(whole: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    for path in whole.iterdir():
        body = bytearray(path.read_bytes())
        if "-shard-" in path.name:
            body[-1] ^= 1
        (state / path.name).write_bytes(body)
    assert "checksum" in as_json(state)["complaints"][0]


@pytest.mark.parametrize("name", ["missing", "empty", "foreign", "file", "damaged"])
def test_places_without_checkpoints_are_said_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest-000000000007").write_bytes(b"dear")
    before = sorted(tmp_path.rglob("*"))
    error = asked(tmp_path / name).exception
    assert isinstance(error, UserError)
    assert str(tmp_path / name) in str(error)
    assert "\n" not in str(error)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_object_store_is_told_of_too(whole: Path) -> None:
    here, there = Store(whole), Store("memory://status/state")
    manifest = next(here.manifests())
    for part in manifest.parts:
        there.write(part.name.rpartition("-")[0], here.read(part), part.kind, part.low, part.high)
    there.commit(manifest)
    found = as_json("memory://status/state")
    assert (found["epoch"], found["in_use"]) == (manifest.epoch, False)
    with Store("memory://status/state").lock():
        assert as_json("memory://status/state")["in_use"] is True
    assert isinstance(asked("memory://status/elsewhere").exception, UserError)


def test_the_command_says_one_line_and_ends_with_1(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("redshank"), "status", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"redshank: {tmp_path}: holds no checkpoints of Redshank\n"


def test_hours_that_are_closed_are_passed_whatever_a_silent_source_was_read_until() -> None:
    """A server does not wait for a file of last week: 'read until last week' would look like a run that hangs."""
    hour = 3_600_000_000
    assert watermark(5 * hour, 0, [9], 8) == 8 * hour
    assert watermark(9 * hour + 1, 0, [9], 8) == 9 * hour + 1
    assert (watermark(None, 0, [], 8), watermark(None, 0, [])) == (8 * hour, None)


def test_a_servers_address_is_told_apart_from_a_store() -> None:
    with pytest.raises(UserError, match="is where a server tells of its health"):
        opened("http://127.0.0.1:9464")


def test_names_can_not_command_the_terminal(whole: Path) -> None:
    status = status_of(Store(whole))
    status.complaints = ["evil \x1b[2J [bold]name"]
    text = told(status)
    assert "\x1b" not in text
    assert "[bold]name" in text


def test_many_sources_are_summed_up(whole: Path) -> None:
    status = status_of(Store(whole))
    status.sources = [SourceRead(name=f"file {n}", frontier_us=n * 3_600_000_000) for n in range(500)]
    text = told(status)
    assert "and 490 more" in text
    assert text.count("file ") == 10


def test_what_is_not_as_it_would_be_without_bounds_is_told(whole: Path) -> None:
    status = status_of(Store(whole))
    assert status.records is not None
    well = told(status)
    for words in ("judged by who was known", "full pages", "beyond the bound", "counted before"):
        assert words not in well
    said = told(
        msgspec.structs.replace(
            status,
            records=msgspec.structs.replace(status.records, unsettled=1_200),
            holders=HoldersNow(40, 38, 0, 1, refused=2, pages=3, hurried=4),
        )
    )
    assert "for too many waited until that was settled: 1,200 flows" in said
    assert (
        "2 beyond the bound were refused; pictures taken for full pages of larger ones: 3; 4 changes counted before"
        in " ".join(said.split())
    )


def test_how_much_of_each_feed_is_known_is_told(whole: Path) -> None:
    """And what was forgotten of it: earlier hours, read again, would be matched without that."""
    status = status_of(Store(whole))
    assert status.feeds, "the organisation has feeds"
    assert f"{status.feeds[0].name}: {status.feeds[0].indicators} indicators" in told(status)
    many = [
        FeedNow(
            name=f"list-{number}", category="tor_exit_node", indicators=1, ended=3, forgotten=2, refused=4
        )
        for number in range(12)
    ]
    said = told(msgspec.structs.replace(status, feeds=many))
    assert (
        "list-0: 1 indicator, 3 more in earlier hours; 4 refused; 2 of earlier hours are not known any more, beyond 1,000,000"
    ) in said
    assert "and 2 more" in said
