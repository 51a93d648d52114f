"""Saved state: what was learned is not lost, and nothing foreign is taken for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import state
from cluster.errors import UserError
from cluster.state import Saved

SAVED = Saved(b"router", b"aggregator", {0: b"zero", 255: b"x" * 1000, 4095: b"last"})


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    state.save(tmp_path, SAVED)
    assert state.load(tmp_path) == SAVED


def test_a_first_run_finds_nothing(tmp_path: Path) -> None:
    assert state.load(tmp_path) is None


def test_the_newest_epoch_holds_and_the_one_before_is_kept(tmp_path: Path) -> None:
    for number in range(4):
        state.save(tmp_path, Saved(b"%d" % number, b"", {}))
    loaded = state.load(tmp_path)
    assert loaded is not None
    assert loaded.router == b"3"
    assert sorted(path.name for path in tmp_path.glob("epoch-*")) == ["epoch-00000003", "epoch-00000004"]


def test_a_run_that_died_while_saving_leaves_the_older_state_in_force(tmp_path: Path) -> None:
    state.save(tmp_path, SAVED)
    half = tmp_path / "epoch-00000002.new"
    half.mkdir()
    (half / "router").write_bytes(b"half")
    assert state.load(tmp_path) == SAVED
    state.save(tmp_path, Saved(b"next", b"", {}))
    loaded = state.load(tmp_path)
    assert loaded is not None
    assert loaded.router == b"next"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda body: body[:-1] + bytes([body[-1] ^ 1]), "damaged"),
        (lambda body: body[:20], "damaged"),
        (lambda body: b"", "no saved state"),
        (lambda body: b"\x80\x04pickle", "no saved state"),
        (lambda body: body[:8] + b"\x09" + body[9:], "format 9"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_in_words(tmp_path: Path, damage: object, said: str) -> None:
    state.save(tmp_path, SAVED)
    path = tmp_path / "epoch-00000001" / "groups-00"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(UserError, match=said):
        state.load(tmp_path)


def test_a_second_run_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from cluster import state\n"
        "try:\n"
        "    with state.locked(Path(sys.argv[1])): print('entered')\n"
        "except Exception as error: print(error)"
    )
    with state.locked(tmp_path):
        other = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
        )
    assert "another run is using it" in other.stdout


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be used"), state.locked(tmp_path / "file" / "state"):
        pass
