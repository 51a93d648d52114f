"""Kills and real faults of the system: whatever was committed before still holds, and the fault is said."""

from __future__ import annotations

import multiprocessing
import random
import resource
import shutil
import subprocess
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from cluster.checkpoints import Manifest, Store, StoreError, part_name
from cluster.errors import UserError
from tests.cluster.killed_writer import hold, write_on

FAULTS = """
import subprocess, sys
from pathlib import Path
from cluster.checkpoints import Manifest, Store, part_name
folder = sys.argv[1]
def tried(what, *args, **named):
    try:
        what(*args, **named)
        print("no error")
    except Exception as error:
        print(type(error).__name__, error)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], check=True)
print("mounted")
store = Store(folder)
store.commit(Manifest(1, {}, b"", [store.write(part_name(1, "a"), b"first")]))
tried(store.write, part_name(2, "a"), bytes(1 << 20))
tried(store.commit, Manifest(2, {}, bytes(1 << 20), []))
print(store.latest(store.whole).epoch, sorted(path.name[:15] for path in Path(folder).iterdir()))
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
tried(store.write, part_name(2, "a"), b"second")
tried(store.commit, Manifest(2, {}, b"", []))
tried(store.drop_after, 0)
tried(store.lock().__enter__)
print(store.latest(store.whole).epoch)
"""


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.cluster.killed_writer"])
    return context


def killed(processes: ForkServerContext, store: Store, steps: int | None, seconds: float = 0) -> list[int]:
    """What a writer told before it died."""
    mine, theirs = processes.Pipe(duplex=False)
    writer = processes.Process(target=write_on, args=(Store(store.spec[0]).spec, theirs, steps), daemon=True)
    writer.start()
    theirs.close()
    told: list[int] = []
    with mine:
        if steps is None:
            told.append(mine.recv())  # it has begun
            writer.join(seconds)
            writer.kill()
        try:
            while True:
                told.append(mine.recv())
        except EOFError:
            pass
    writer.join()
    assert writer.exitcode == -9
    writer.close()
    return told


def check(store: Store, told: list[int]) -> None:
    found = store.latest(store.whole)
    assert store.complaints == []
    assert (found.epoch if found else 0) >= max(told, default=0)
    assert all(store.whole(manifest) for manifest in store.manifests())
    assert store.complaints == []


def test_a_kill_before_any_step_of_saving_loses_nothing_that_was_committed(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    store, told = Store(tmp_path), [0]
    for steps in range(40):  # of which an epoch takes some fifteen
        told += killed(processes, store, steps)
        check(store, told)
    newest = store.latest()
    assert newest is not None
    assert newest.epoch > 5, "bases were dropped among these steps"


def test_kills_at_random_moments_lose_nothing_that_was_committed(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    store, moments = Store(tmp_path), random.Random(5)
    told = [0]
    for _ in range(20):
        told += killed(processes, store, None, moments.uniform(0, 0.05))
        check(store, told)
    assert len(told) > 20
    written = [path for path in tmp_path.iterdir() if path.name != "LOCK"]
    assert len(written) < 40, "what killed writers left is cleaned away"


def test_a_second_run_is_refused_until_the_first_is_gone(
    processes: ForkServerContext, tmp_path: Path
) -> None:
    mine, theirs = processes.Pipe()
    first = processes.Process(target=hold, args=((str(tmp_path),), theirs, 1), daemon=True)
    first.start()
    theirs.close()
    with mine:
        assert mine.recv() == "held"
        with pytest.raises(UserError, match="another run is using it"), Store(tmp_path).lock():
            pass
        first.kill()
        first.join()
    with Store(tmp_path).lock():
        pass
    with Store(tmp_path).lock():
        pass
    first.close()


def test_a_full_disk_and_a_read_only_one_are_said_and_change_nothing(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "--map-root-user", sys.executable, "-c", FAULTS, str(tmp_path)]
    if not shutil.which("unshare"):
        pytest.skip("no unshare here to mount a small disk with")
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    if not answer.stdout.startswith("mounted"):
        pytest.skip(f"a small disk can't be mounted here: {answer.stderr.strip()[-200:]}")
    said = answer.stdout.splitlines()[1:]
    assert answer.returncode == 0, answer.stderr
    for line in said[:2]:
        assert line.startswith(f"StoreError {tmp_path}: can't be written: no space left on device; make room")
    assert said[2] == "1 ['000000000001-a-', 'manifest-000000']"
    for line in said[3:6]:
        assert line.startswith(f"StoreError {tmp_path}: can't be written: read-only file system")
        assert line.endswith("what was saved before still holds")
    assert said[6].startswith(f"StoreError {tmp_path}: can't be used: Read-only file system")
    assert said[7:] == ["1"]


def test_a_file_that_may_not_grow_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.commit(Manifest(1, {}, b"", []))
    limits: Any = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreError, match="file too large"):
            store.write(part_name(2, "a"), bytes(5000))
        with pytest.raises(StoreError, match="file too large"):
            store.commit(Manifest(2, {}, bytes(5000), []))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest-000000000001"]
    assert store.latest() is not None
