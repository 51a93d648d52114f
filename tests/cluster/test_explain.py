"""`redshank explain` as a user runs it: words and a picture of one alert, or one clear line of what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.output import write_alerts
from cluster.cli import cli
from cluster.errors import UserError
from tests.alerts.test_explaining import COUNTED, alert


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.jsonl"
    told = [alert(id_="aa11", evidence=COUNTED, incident="i"), alert(id_="ab22", incident="i")]
    write_alerts(path, told)
    return path


def run(*arguments: object, **more: bytes) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)], **more)


@pytest.mark.parametrize("form", ["svg", "PNG"])
def test_an_alert_is_told_and_drawn(file: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "new" / f"picture.{form}"
    done = run("aa", "--alerts", file, "--picture", out)
    assert done.exit_code == 0
    for said in ("At most 10 in 99 of 100", "Learned since", "no answer of the resource", "(ab22)"):
        assert said in done.stdout
    assert f"The picture: {out}" in done.stderr
    assert out.read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")


def test_a_file_of_standard_input_will_do(file: Path) -> None:
    assert "Learned since" in run("aa", "--alerts", "-", input=file.read_bytes()).stdout


@pytest.mark.parametrize(
    ("id_", "more", "said"),
    [
        ("zz", (), "there is none in"),
        ("a", (), "2 alerts begin so"),
        ("aa", ("--picture", "x.pdf"), "must end in .svg or .png"),
    ],
)
def test_bad_input_says_what_was_expected(file: Path, id_: str, more: tuple[str, ...], said: str) -> None:
    done = run(id_, "--alerts", file, *more)
    assert done.exit_code == 2
    assert said in done.stderr


def test_without_matplotlib_a_line_says_how_to_install_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run("aa", "--alerts", file, "--picture", tmp_path / "x.svg")
    assert isinstance(done.exception, UserError)
    assert "pip install 'redshank[plots]'" in str(done.exception)
    assert not done.stdout
    assert run("aa", "--alerts", file).exit_code == 0


def test_a_picture_that_cannot_be_written_is_one_clear_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "is_a_file").touch()
    done = run("aa", "--alerts", file, "--picture", tmp_path / "is_a_file" / "x.svg")
    assert isinstance(done.exception, UserError)
    assert "can't be written" in str(done.exception)
