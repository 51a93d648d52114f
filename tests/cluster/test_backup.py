"""Back-up and restore: what comes of a restored state is the same to the byte, and what is not ours is refused."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner, Result

from cluster.backup import backup
from cluster.checkpoints import Store
from cluster.cli import cli
from cluster.errors import UserError
from cluster.manifest import Manifest, Part
from cluster.restore import restore
from tests.cluster.operating import detected, ended, organisation, under_way

Kept = tuple[Path, bytes, Path]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A configuration, what its run says when it is left alone, and a back-up taken while it went on."""
    folder = tmp_path_factory.mktemp("backup")
    config = organisation(folder / "organisation")
    with under_way(config, folder / "state", 2) as run:
        kept = backup(Store(folder / "state"), folder / "kept.tar.zst")
        assert kept.complaints == []
        alone = ended(run)
    assert alone
    return config, alone, folder / "kept.tar.zst"


def asked(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["state", *map(str, arguments)], standalone_mode=False)


def names(file: Path) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(unpacked(file))) as tar:
        return tar.getnames()


def unpacked(file: Path) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read()


def packed(file: Path, body: bytes) -> Path:
    file.write_bytes(zstandard.ZstdCompressor().compress(body))
    return file


def archive(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for about, body in members:
            about.size = len(body)
            tar.addfile(about, io.BytesIO(body))
    return packed(file, out.getvalue())


def test_a_restored_run_goes_on_to_the_same_bytes(interrupted: Kept, tmp_path: Path) -> None:
    config, alone, file = interrupted
    restore(file, Store(tmp_path / "state"))
    assert detected(config, tmp_path / "state") == alone
    assert Store(tmp_path / "state").latest(lambda one: bool(one.run["delivered"])) is not None


def test_what_was_learned_comes_back(interrupted: Kept, tmp_path: Path) -> None:
    """The next day's run says the same on what was restored as on the original; from nothing it would say other things."""
    config = interrupted[0]
    files = [path for path in (config.parent / "telemetry").rglob("*") if path.is_file()]
    first = [path for path in files if any(day in str(path) for day in ("-01-05", "d=05"))]
    second = [path for path in files if path not in first]
    assert first
    detected(config, tmp_path / "original", first)
    kept = backup(Store(tmp_path / "original"), tmp_path / "kept.tar.zst")
    again = restore(tmp_path / "kept.tar.zst", Store(tmp_path / "copy"))
    assert (again.epoch, again.parts, again.octets) == (kept.epoch, kept.parts, kept.octets)
    alerts = detected(config, tmp_path / "original", second)
    assert alerts
    assert detected(config, tmp_path / "copy", second) == alerts
    assert detected(config, None, second) != alerts


def test_a_place_with_checkpoints_is_replaced_only_if_asked(interrupted: Kept, tmp_path: Path) -> None:
    config, alone, file = interrupted
    state = tmp_path / "state"
    before = detected(config, state)
    assert before == alone
    held = {path.name for path in state.iterdir()}
    refused = asked("restore", file, state)
    assert isinstance(refused.exception, UserError)
    assert "--replace" in str(refused.exception)
    assert {path.name for path in state.iterdir()} == held
    last = Store(state).epochs()[0]
    assert asked("restore", file, state, "--replace").exit_code == 0
    assert Store(state).epochs() == [last + 1]
    assert detected(config, state) == alone


def test_a_store_in_use_is_not_restored_to(interrupted: Kept, tmp_path: Path) -> None:
    with Store(tmp_path).lock(), pytest.raises(UserError, match="another run is using it"):
        restore(interrupted[2], Store(tmp_path))


def test_a_back_up_is_for_its_owner_alone_and_appears_whole(interrupted: Kept) -> None:
    file = interrupted[2]
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(file.parent.glob(".*.part"))
    assert names(file)[-1].startswith("manifest-")


def test_parts_that_are_cleaned_away_meanwhile_send_us_to_the_next_checkpoint(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    commit(store, 1, b"one", b"two")
    read, taken = store.read, []

    def cleaned(part: Part) -> bytes:
        taken.append(part.name)
        if len(taken) == 2:  # the run takes three checkpoints while we read
            for epoch in (2, 3, 4):
                commit(store, epoch, b"%d" % epoch)
        return read(part)

    store.read = cleaned  # type: ignore[method-assign]
    kept = backup(store, tmp_path / "kept.tar.zst")
    assert (kept.epoch, kept.complaints) == (4, [])
    restored = Store(tmp_path / "copy")
    restore(tmp_path / "kept.tar.zst", restored)
    manifest = restored.latest(restored.whole)
    assert manifest is not None
    assert [restored.read(part) for part in manifest.parts] == [b"4"]


def commit(store: Store, epoch: int, *bodies: bytes) -> None:
    parts = [store.write(f"{epoch:012d}-{n}", body) for n, body in enumerate(bodies)]
    about: dict[str, Any] = {"fingerprint": "x", "delivered": False, "not_after_us": None}
    store.commit(Manifest(epoch, about, b"\x81\xa8standing\x80", parts))


def test_a_run_goes_on_beside_many_back_ups(tmp_path: Path) -> None:
    store, stop = Store(tmp_path / "state"), threading.Event()
    commit(store, 1, b"1" * 1000)

    def write() -> None:
        epoch = 1
        while not stop.is_set():
            epoch += 1
            commit(store, epoch, *[b"%d" % epoch * 1000] * 5)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            kept = backup(Store(tmp_path / "state"), tmp_path / "kept.tar.zst")
            assert kept.complaints == []
            assert restore(tmp_path / "kept.tar.zst", Store(tmp_path / f"{number}")).epoch == kept.epoch
    finally:
        stop.set()
        writer.join()


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    commit(store, 1, b"one")
    commit(store, 2, b"two")
    flipped = next((tmp_path / "state").glob("000000000002-*"))
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"!")
    done = asked("backup", tmp_path / "state", tmp_path / "kept.tar.zst")
    assert "epoch 1" in done.stdout
    assert "checksum" in done.stderr


@pytest.mark.parametrize("name", ["missing", "empty", "damaged"])
def test_what_can_not_be_backed_up_is_said_and_leaves_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    commit(Store(tmp_path / "damaged"), 1, b"one")
    flipped = next((tmp_path / "damaged").glob("000000000001-*"))
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"!")
    done = asked("backup", tmp_path / name, tmp_path / "kept.tar.zst")
    assert isinstance(done.exception, UserError)
    assert "\n" not in str(done.exception)
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "damaged"}


def flipped(body: bytes) -> bytes:
    at = body.index(b"REDSHANK") + 60
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def headless(body: bytes) -> bytes:
    return body[512:]


def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


@pytest.mark.parametrize("damage", [flipped, headless, cut])
def test_damage_in_an_archive_is_found_before_anything_is_written(
    damage: Callable[[bytes], bytes], interrupted: Kept, tmp_path: Path
) -> None:
    file = packed(tmp_path / "x.tar.zst", damage(unpacked(interrupted[2])))
    refuse(file, tmp_path / "state")


def test_a_file_cut_anywhere_is_refused(interrupted: Kept, tmp_path: Path) -> None:
    whole = interrupted[2].read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 400):
        (tmp_path / "x.tar.zst").write_bytes(whole[:length])
        refuse(tmp_path / "x.tar.zst", tmp_path / "state")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, link
    return about


PART = "000000000001-x-0123456789abcdef"


@pytest.mark.parametrize(
    "strange",
    [
        member("../000000000001-x"),
        member("/etc/passwd"),
        member(f"folder/{PART}"),
        member("LOCK"),
        member(PART, tarfile.SYMTYPE, "/etc/passwd"),
        member(PART, tarfile.LNKTYPE, "/etc/passwd"),
        member(PART, tarfile.CHRTYPE),
        member(PART, tarfile.FIFOTYPE),
        member(PART, tarfile.DIRTYPE),
        member(PART, tarfile.GNUTYPE_SPARSE),
        member("0" * 12 + "-" + "x" * 200),
        member("manifest-000000000001.new"),
        member("manifest-000000000001"),
        member(PART),
    ],
)
def test_strange_members_are_refused(strange: tarfile.TarInfo, interrupted: Kept, tmp_path: Path) -> None:
    refuse(archive(tmp_path / "x.tar.zst", (strange, b"")), tmp_path / "state")
    refuse(archive(tmp_path / "x.tar.zst", (strange, b"x" * 2_000)), tmp_path / "state")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.zst").write_bytes(b"dear reader")
    refuse(tmp_path / "x.tar.zst", tmp_path / "state")
    refuse(packed(tmp_path / "x.tar.zst", b"dear reader" * 500), tmp_path / "state")
    refuse(packed(tmp_path / "x.tar.zst", bytes(10_240)), tmp_path / "state")
    refuse(tmp_path / "nowhere.tar.zst", tmp_path / "state")
    refuse(tmp_path, tmp_path / "state")
    assert asked("backup", tmp_path, tmp_path / "letter.txt").exception is not None


def test_nothing_of_the_place_changes_when_the_disk_is_full(
    interrupted: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(Store(tmp_path / "state"), 1, b"one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="no space left"):
        restore(interrupted[2], Store(tmp_path / "state"), replace=True)
    assert Store(tmp_path / "state").epochs() == [1]


def test_object_stores_are_backed_up_and_restored_too(interrupted: Kept, tmp_path: Path) -> None:
    restore(interrupted[2], Store("memory://kept/state"))
    backup(Store("memory://kept/state"), tmp_path / "again.tar.zst")
    restore(tmp_path / "again.tar.zst", Store(tmp_path / "state"))
    shutil.copy(interrupted[2], tmp_path / "first.tar.zst")
    assert names(tmp_path / "again.tar.zst") == names(tmp_path / "first.tar.zst")


def refuse(file: Path, state: Path) -> None:
    with pytest.raises(UserError) as told:
        restore(file, Store(state))
    assert str(file) in str(told.value)
    assert "\n" not in str(told.value)
    assert not state.exists()
