"""`redshank inventory` as a user runs it: a file for the configuration, or one clear line of what is wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cluster.cli import cli
from cluster.config import load
from cluster.errors import UserError
from ingest.inventory import Inventory
from tests.ingest.holdings_made import DAY, FAR, NIC, VM, answer, interface, machine, public, write, wrote


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["inventory", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "told"
    (out / "d=05").mkdir(parents=True)
    write(out / "d=05" / "PT1H.json", [wrote("10:00:00", interface()), wrote("10:00:00", public())])
    write(out / "graph-2026-01-05T12-00-00Z.json", answer(public(), interface(), machine(NIC)))
    return out


def test_what_it_writes_is_an_inventory(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "inventory.csv"
    done = run(folder, "--out", out)
    assert (done.return_value, done.stdout) == (0, "")
    assert f"2 lines on 1 resource from 5 records; they are in {out}" in done.stderr
    inventory, rejected = Inventory.read(out)
    assert rejected == []
    assert [one.resource_id for one in inventory.intervals(FAR)] == [VM]
    assert run(folder).stdout == out.read_text()
    assert not list(tmp_path.glob("*.part"))


def test_an_answer_of_resource_graph_may_stand_in_the_configuration(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "redshank.toml"
    config.write_text('[inventory]\npath = "told/graph-2026-01-05T12-00-00Z.json"\n')
    path = load(config).inventory.path
    assert path is not None
    (interval,) = Inventory.read(path)[0].intervals(FAR)
    assert interval.resource_id == VM
    assert interval.start_us is not None, "the file's name says since when"


def test_what_cant_be_read_is_said_and_the_rest_is_written(folder: Path) -> None:
    (folder / "a.bin").write_bytes(bytes(range(256)))
    (folder / "README.md").write_text("# These\n")
    whole = gzip.compress(b"\n".join(json.dumps(interface()).encode() for _ in range(3)))
    (folder / "cut.json.gz").write_bytes(whole[:-9])
    done = run(folder)
    assert done.return_value == 3
    assert done.stdout.count(VM) >= 2
    assert "cut.json.gz" in done.stderr
    assert done.stderr.count("files of other kinds") == 1
    assert "an inventory: 2\n" in done.stderr


def test_a_line_of_an_earlier_inventory_that_is_none_is_refused(folder: Path) -> None:
    (folder / "old.csv").write_text(
        f"ip,resource_id,start,end\nnowhere,{VM},,\n9.9.9.9,{VM},{DAY}00:00:00Z,\n"
    )
    done = run(folder)
    assert (done.return_value, "ip is no address or network: 'nowhere'" in done.stderr) == (3, True)


@pytest.mark.parametrize("told", ["", "{}", "[]", "hello", '{"records": []}'])
def test_files_that_tell_nothing_make_no_inventory(tmp_path: Path, told: str) -> None:
    path, out = tmp_path / "a.json", tmp_path / "inventory.csv"
    path.write_text(told)
    done = run(path, "--out", out)
    assert isinstance(done.exception, UserError)
    assert "nothing tells who held an address" in str(done.exception)
    assert not out.exists()


def test_a_file_that_is_not_there_or_cant_be_written_is_one_line(folder: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path / "none",), "there is no such file or folder"),
        ((folder, "--out", tmp_path / "none" / "x.csv"), "can't be written"),
    ):
        done = run(*arguments)
        assert isinstance(done.exception, UserError)
        assert said in str(done.exception)
