"""What is marked in the store is learned by the runs that follow and by a server, as a user sees it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from alerts.alert import hour_of_time
from alerts.store.marks import Marked, marks, stand
from alerts.store.opening import AlertStoreError
from alerts.store.store import AlertStore
from cluster.cli import cli
from cluster.config import load
from cluster.errors import UserError
from cluster.storing import opened
from cluster.teaching import marks_of
from simulation.acts import CLI, DAY_US, MINUTE_US, Identity, Vaulted
from simulation.wire.key_vault import record
from tests.alerts.test_alert_store import NOW, alert
from tests.cluster.served import START as COMMAND
from tests.cluster.served import Served, until

START = 1_767_225_600_000_000  # 2026-01-01
PEOPLE = [
    Identity(f"5f2a0c11-7d1e-4b35-a0c2-{n:012}", name, f"{name}@contoso.example")
    for n, name in enumerate(("ann", "bob", "eve"))
]
FIRST, AGAIN, END = 20, 65, 68  # days on which somebody new comes, and comes again
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/pay"
TYPE = "key_vault.unusual_user"


def written(folder: Path, first: int, last: int) -> Path:
    """The audit log of a vault that two people use three times a day, in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for third in range(first * 3, last * 3):
        at_us = START + third * DAY_US // 3
        for n, who in enumerate(PEOPLE if third in (FIRST * 3, AGAIN * 3) else PEOPLE[:2]):
            said = (
                CLI.appid,
                CLI.agent,
                "81.2.3.4",
                "SecretGet",
                VAULT,
                f"c0ffee00-0000-4000-8000-{third:09}{n:03}",
            )
            act = Vaulted(at_us + n * MINUTE_US, who, *said, "secrets/db")
            lines.append(json.dumps(record(act)))
    path = folder / f"vault-{first:03}.json"
    path.write_text("\n".join(lines) + "\n")
    return path


class Desk:
    """A folder with a configuration and its store, and the commands of a user there."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"sqlite:///{folder}/a.db"
        self.config = folder / "redshank.toml"
        self.config.write_text('[store]\nurl = "sqlite:///a.db"\n')

    def run(self, *words: str) -> Result:
        done = CliRunner().invoke(cli, [*words, "--config", str(self.config)])
        assert done.exit_code == 0, done.output
        return done

    def detect(self, *inputs: Path, state: str = "state", shards: int = 1) -> list[dict[str, Any]]:
        """The alerts of a run about somebody new."""
        out = self.folder / "alerts.jsonl"
        kept = ("--state", str(self.folder / state)) if state else ()
        self.run(
            "detect",
            *map(str, inputs),
            "--runtime",
            "loop",
            "--quiet",
            *kept,
            "--shards",
            str(shards),
            "--alerts",
            str(out),
        )
        return [one for one in map(json.loads, out.read_text().splitlines()) if one["type"] == TYPE]

    def mark(self, id_: str, *words: str) -> str:
        return self.run("alerts", "mark", id_[:12], *words).output

    def since(self) -> list[int | None]:
        return [one.since for one in marks(AlertStore(self.url).engine)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_next_run_has_learned_what_was_marked(desk: Desk) -> None:
    """Else the same colleague is news whenever they come back after a month."""
    before = written(desk.folder / "before", 0, 22)
    after = written(desk.folder / "after", 22, END)
    [first] = desk.detect(before)
    shutil.copytree(desk.folder / "state", desk.folder / "untaught")
    shutil.copy(desk.folder / "a.db", desk.folder / "b.db")
    assert "marked benign" in desk.mark(first["id"], "benign", "--as", "uma")
    assert desk.detect(after) == []
    since = desk.since()
    assert since[0] is not None
    assert since[0] > hour_of_time("2026-01-22T15:00:00Z")  # of what was told before nothing is taken back
    shutil.move(desk.folder / "b.db", desk.folder / "a.db")
    [again] = desk.detect(after, state="untaught")
    assert again["start"] == "2026-03-07T00:00:00Z"


def test_a_replay_with_the_same_marks_is_the_same_run(desk: Desk) -> None:
    whole = written(desk.folder / "in", 0, END)
    first, again = desk.detect(whole, state="")
    desk.mark(first["id"], "benign")
    assert desk.since() == [None]
    assert desk.detect(whole, state="") == [first]
    assert desk.since() == [None]  # a run that keeps nothing says nothing for others
    for shards, state in ((1, "one"), (3, "three"), (3, "three")):
        assert desk.detect(whole, state=state, shards=shards) == [first]
    assert desk.since() == [hour_of_time(first["start"]) + 1]
    desk.mark(first["id"], "open")
    assert desk.detect(whole, state="") == [first, again]


def test_a_server_learns_it_while_it_runs_and_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "telemetry").mkdir()
    (tmp_path / "telemetry" / "redshank.toml").write_text("")
    server = Served(tmp_path / "server", tmp_path / "telemetry")
    server.config.write_text(server.config.read_text() + '[store]\nurl = "sqlite:///a.db"\n')
    store = AlertStore(f"sqlite:///{server.folder}/a.db")
    written(server.folder / "in", 0, 22)
    with server.running():
        until(lambda: [one for one in server.alerts().values() if one["type"] == TYPE], server.log)
        [first] = (one for one in server.alerts().values() if one["type"] == TYPE)
        until(lambda: store.find(first["id"]), server.log)
        store.mark(first["id"], "benign", "", "uma", NOW)
        until(lambda: marks(store.engine)[0].since, server.log)
    since = marks(store.engine)[0].since  # it was killed: whatever it knew is gone
    with server.running() as process:
        subprocess.run(
            [*COMMAND, "scale", "3", "--config", str(server.config)], check=True, capture_output=True
        )
        until(
            lambda: "scaled" in server.log(), server.log
        )  # new shards, which know nothing of marks by themselves
        written(server.folder / "in", 22, END)
        until(
            lambda: server.read() >= END * 6 and not (server.ask("/status") or {}).get("open_hours"),
            server.log,
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, server.log()
    assert [id_ for id_, one in server.alerts().items() if one["type"] == TYPE] == [first["id"]]
    assert marks(store.engine)[0].since == since
    assert "Traceback" not in server.log()


# Reading marks


def looking(desk: Desk, **more: Any) -> Any:
    return marks_of(opened(load(desk.config)), print, **more)


def test_marks_are_read_once_and_again_when_there_are_others(desk: Desk) -> None:
    store = AlertStore(desk.url)
    store.write([alert("aa11")], NOW)
    hour = hour_of_time("2026-03-17T10:00:00Z")
    look = looking(desk)
    assert look(5) is None
    store.mark("aa11", "benign", "", "uma", NOW, "2026-03-20T00:00:00Z")
    [one] = look(5)
    assert (one.benign, one.since, one.entity) == (True, hour + 1, "/subs/1/vaults/payroll")
    assert one.until == hour_of_time("2026-03-20T00:00:00Z")
    assert "uma" in one.said
    look(6)
    assert look(7) is None
    store.mark("aa11", "true", "", "kim", NOW)
    assert [(one.benign, one.since) for one in look(hour + 9)] == [(True, hour + 1), (False, hour + 9)]
    assert [one.since for one in looking(desk)(hour + 99)] == [hour + 1, hour + 9]  # it was said for good


def test_a_store_that_fails_at_the_beginning_ends_the_run_and_later_is_said_once(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the marks a run would come to other alerts than it did before."""
    look, begun = looking(desk), looking(desk)
    begun(5)

    def fails(engine: Any) -> None:
        raise AlertStoreError("store sqlite:///a.db: disk I/O error")

    monkeypatch.setattr("alerts.store.marks.stand", fails)
    with pytest.raises(UserError, match="disk I/O error; what was marked there can't be learned"):
        look(5)
    assert begun(5) is begun(5) is None
    assert capsys.readouterr().out.count("disk I/O error") == 1


def test_what_is_kept_of_a_mark(desk: Desk) -> None:
    store = AlertStore(desk.url)
    assert stand(store.engine) == (0, 0, 0)
    store.write([alert("aa11")], NOW)
    store.mark("aa11", "benign", "", "uma", NOW)
    assert marks(store.engine) == [
        Marked(
            "vault", "/subs/1/vaults/payroll", "key_vault.tor_access", "2026-03-17T10:00:00Z",
            "benign", NOW, "uma", None, None,
        )
    ]  # fmt: skip
