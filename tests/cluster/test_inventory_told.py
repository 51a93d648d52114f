"""An inventory that the sources tell: the alerts of one that was written before, for files and for a server."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.conductor import Standing
from actors.saving import TOLD, PartError
from cluster.checking import run as check
from cluster.checkpoints import Store
from cluster.simulating import run as simulate
from cluster.status import opened, status_of
from cluster.told import told_back
from tests.cluster.operating import detected, ended, under_way
from tests.cluster.served import Served, until
from tests.cluster.test_feeds_runs import redshank
from tests.cluster.told_network import tell
from tests.ingest.holdings_made import NIC, answer, interface, machine

SINCE = "2025-10-07"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration beside telemetry that tells of its network."""
    folder = tmp_path_factory.mktemp("organisation") / "telemetry"
    simulate(folder, 12, 5, ())
    tell(folder / "inventory.csv", folder / "telemetry" / "net")
    config = folder / "redshank.toml"
    given = config.read_text()
    (folder / "given.toml").write_text(given)
    config.write_text(
        given.replace('path = "inventory.csv"', "from_telemetry = true")
        + "\n[checkpoints]\nevery_seconds = 0.1\n"
    )
    return config


@pytest.fixture(scope="module")
def whole(told: Path) -> bytes:
    return detected(told, None)


def network(alerts: bytes) -> set[str]:
    some = [json.loads(line) for line in alerts.splitlines()]
    return {one["id"] for one in some if one["type"].startswith("network.")}


def test_it_raises_the_alerts_of_an_inventory_that_was_written_before(told: Path, whole: bytes) -> None:
    given = network(detected(told.with_name("given.toml"), None))
    assert given
    assert network(whole) == given


@pytest.mark.ray
@pytest.mark.parametrize("routers", [1, 2])
def test_ray_changes_not_a_byte_of_it(told: Path, whole: bytes, tmp_path: Path, routers: int) -> None:
    config = told.with_name(f"routers-{routers}.toml")
    config.write_text(told.read_text() + f"\n[engine]\nrouters = {routers}\n")
    out = tmp_path / "alerts.jsonl"
    telemetry = str(told.with_name("telemetry"))
    done = redshank(
        "detect", telemetry, "--config", str(config), "--alerts", str(out), "--shards", "2", "--quiet"
    )
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().rstrip(b"\n") == whole


def test_a_run_that_dies_goes_on_with_what_was_told(told: Path, whole: bytes, tmp_path: Path) -> None:
    for checkpoints in (2, 4):
        with under_way(told, tmp_path / "state", checkpoints):
            pass  # it dies here
    with under_way(told, tmp_path / "state", 1) as run:
        assert ended(run) == whole
    holders = status_of(opened(str(tmp_path / "state"))).holders
    assert holders is not None
    assert holders.addresses >= 40
    assert holders.refused == 0


def test_without_it_nothing_of_it_is_kept_and_rows_are_only_counted(told: Path, tmp_path: Path) -> None:
    with under_way(told.with_name("given.toml"), tmp_path / "state", 1) as run:
        ended(run)
    assert status_of(opened(str(tmp_path / "state"))).holders is None


def test_check_says_how_much_is_known(told: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = told.with_name("check.toml")
    config.write_text(f"{told.read_text()}store = {json.dumps(str(tmp_path / 'state'))}\n")
    assert check(config) == 0
    assert "told by telemetry, too: no run has kept anything of it yet" in capsys.readouterr().out
    detected(config, tmp_path / "state")
    assert check(config) == 0
    assert f"resources, known since {SINCE}" in capsys.readouterr().out


@pytest.mark.parametrize("asked", [True, False])
def test_an_address_that_cant_be_read_is_said_to_who_asked_for_it(tmp_path: Path, asked: bool) -> None:
    """Who has an inventory of another kind is not told of what they do not use, in place of an end without faults."""
    (tmp_path / "redshank.toml").write_text(f"[inventory]\nfrom_telemetry = {str(asked).lower()}\n")
    (tmp_path / "graph.json").write_text(json.dumps(answer(interface(ip="10.0.0.400", pip=""), machine(NIC))))
    done = redshank("detect", str(tmp_path / "graph.json"), "--config", str(tmp_path / "redshank.toml"), "--runtime", "loop",
                    "--alerts", str(tmp_path / "alerts.jsonl"))  # fmt: skip
    kept = tmp_path / "rejected.jsonl"
    assert done.returncode == (3 if asked else 0), done.stderr
    assert kept.exists() == asked
    if asked:
        assert "something can't be read: privateIPAddress '10.0.0.400'; the rest counts" in kept.read_text()


def test_a_part_that_is_of_another_version_is_told_by_name(tmp_path: Path) -> None:
    """Not as a traceback, and not by beginning anew with nobody's addresses."""
    store = Store(str(tmp_path))
    for body in (b"no such thing", msgspec.msgpack.encode([b"\x81\xa4form\x02", []])):
        part = store.write("000000000001-abcd1234-told", body, TOLD)
        with pytest.raises(PartError, match=part.name):
            told_back(Standing(), store, [part])


def test_a_server_that_is_killed_is_told_too(told: Path, whole: bytes, tmp_path: Path) -> None:
    """Its folders are all that it has: nobody runs a second command."""
    telemetry = told.parent
    served = Served(tmp_path, telemetry)
    served.config.write_text(
        served.config.read_text()
        .replace("[checkpoints]\nevery_seconds = 0.1\n", "", 1)
        .replace('[[sources]]\nfolder = "in"', f'[[sources]]\nfolder = "{telemetry}/telemetry"')
    )
    wanted = {line["id"]: line["count"] for line in map(json.loads, whole.splitlines())}
    for _ in range(2):  # each one killed in the middle
        with served.running():
            time.sleep(1.0)
    with served.running() as process:
        until(lambda: served.alerts().keys() >= wanted.keys(), served.log)
        status: Any = served.ask("/status")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0, served.log()
    assert {id_: one["count"] for id_, one in served.alerts().items()} == wanted
    assert status["holders"]["addresses"] >= 40
    assert "Traceback" not in served.log()
