"""Full disks, folders that vanish, signals, clocks and second drivers: a line in words, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from benchmarks.chaos import configured
from cluster.detect import Options, detecting
from cluster.frame import framed
from cluster.reporting import report
from cluster.simulating import run as simulate
from tests.cluster.signals import signalled

START = "import sys; from cluster.cli import main; sys.exit(main())"
WAIT_S = 120.0


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Telemetry of a few days, with frequent checkpoints."""
    folder = tmp_path_factory.mktemp("organisation")
    simulate(folder / "telemetry", 3, 5, ())
    return configured(folder / "telemetry" / "redshank.toml", folder, every_s=0.1)


def command(config: Path, out: Path, state: Path | None, *more: str) -> list[str]:
    where = ["--state", str(state)] if state else []
    said = [
        "detect",
        str(config.parent),
        "--config",
        str(config),
        "--alerts",
        str(out / "alerts.jsonl"),
        *where,
        *more,
    ]
    return [sys.executable, "-c", START, *said, "--quiet", *(more or ("--runtime", "loop"))]


def limited(limit: int) -> Callable[[], None]:
    """For a process whose files may not grow beyond it."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond it is then an error like another
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return limited


def ran(
    config: Path, out: Path, state: Path | None = None, limit: int = 0
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(config, out, state), capture_output=True, text=True, timeout=WAIT_S, check=False,
        preexec_fn=limited(limit) if limit else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected(config: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a run that nothing happens to says."""
    out = tmp_path_factory.mktemp("alone")
    done = ran(config, out)
    assert done.returncode == 0, done.stderr
    return (out / "alerts.jsonl").read_bytes()


def one_line(stderr: str, *said: str) -> None:
    """What is wrong, where, and what to do."""
    lines = [line for line in stderr.splitlines() if line and "going on where" not in line]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("redshank: ")
    for word in said:
        assert word in lines[0], lines[0]


def comes_to(config: Path, out: Path, state: Path, expected: bytes) -> None:
    """The same command again, on a healthy disk."""
    done = ran(config, out, state)
    assert done.returncode == 0, done.stderr
    assert (out / "alerts.jsonl").read_bytes() == expected


class Running:
    """A run that has taken its first checkpoint and holds there."""

    def __init__(self, config: Path, out: Path, state: Path) -> None:
        start = [sys.executable, "-c", signalled("_commit", signal.SIGSTOP)]
        told = [*start, *command(config, out, state)[3:]]
        self.process = subprocess.Popen(told, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        end = time.monotonic() + WAIT_S
        while Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.01)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, str]:
        said = self.process.communicate(timeout=WAIT_S)[1]
        return self.process.returncode, said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a small disk of a given size."""
    mounted: list[Path] = []

    def make(size: str) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False)  # fmt: skip
        if done.returncode:
            pytest.skip("nothing may be mounted here")
        mounted.append(folder)
        return folder

    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


# The disk


def test_a_full_disk_is_said_and_what_was_saved_holds(
    config: Path, expected: bytes, tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("300k")
    done = ran(config, tmp_path, disk / "state")
    assert done.returncode == 1
    one_line(done.stderr, str(disk / "state"), "no space left on device", "make room")
    subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
    comes_to(config, tmp_path, disk / "state", expected)


def test_a_file_that_may_not_grow_is_said(config: Path, expected: bytes, tmp_path: Path) -> None:
    """The same as a full disk, where nothing may be mounted."""
    done = ran(config, tmp_path, tmp_path / "state", limit=3_000)
    assert done.returncode == 1
    one_line(done.stderr, str(tmp_path / "state"), "file too large", "what was saved before still holds")
    comes_to(config, tmp_path, tmp_path / "state", expected)


def test_alerts_that_there_is_no_room_for_are_told_by_their_name(config: Path, tmp_path: Path) -> None:
    done = ran(config, tmp_path, None, limit=100)
    assert done.returncode == 1
    one_line(done.stderr, str(tmp_path / "alerts.jsonl"), "could not be written: File too large")
    assert list(tmp_path.iterdir()) == []


def test_what_comes_by_a_pipe_and_has_no_room_is_told_with_the_way_out(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, "detect", "-", "--runtime", "loop"],
        input=b"x" * 1_000, cwd=tmp_path, capture_output=True, timeout=WAIT_S, check=False, preexec_fn=limited(100),
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    one_line(done.stderr.decode(), f"{tmp_path}: what comes by a pipe", "File too large", "TMPDIR=DIR")


def test_a_name_can_not_write_a_line_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a\n0 alerts (none), 0 incidents").write_text("{}")
    done = subprocess.run(
        [sys.executable, "-c", START, "detect", str(tmp_path), "--runtime", "loop"],
        cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.splitlines().count("0 alerts (none), 0 incidents") == 1
    assert "a\ufffd0 alerts (none), 0 incidents: " in done.stderr


def test_a_folder_that_can_not_be_written_any_more(
    config: Path, expected: bytes, tmp_path: Path, small_disk: Callable[..., Path]
) -> None:
    state = tmp_path / "disk"
    running = Running(config, tmp_path, state)
    small_disk("1m,ro")  # in its place: a disk is not remounted where a file is open for writing
    running.go_on()
    status, said = running.end()
    assert status == 1
    one_line(said, str(state))  # that it is read-only, or that a part is gone, whichever it meets first
    again = ran(config, tmp_path, state)
    assert again.returncode == 1
    one_line(again.stderr, str(state), "read-only file system", "it must be writable")
    subprocess.run(["umount", str(state)], check=True)
    comes_to(config, tmp_path, state, expected)


@pytest.mark.skipif(not os.geteuid(), reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_any_more(config: Path, expected: bytes, tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = Running(config, tmp_path, state)
    state.chmod(0o500)
    running.go_on()
    status, said = running.end()
    state.chmod(0o700)
    assert status == 1
    one_line(said, str(state), "permission denied", "it must be writable")
    comes_to(config, tmp_path, state, expected)


def test_a_folder_that_vanishes(config: Path, expected: bytes, tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = Running(config, tmp_path, state)
    state.rename(tmp_path / "gone")
    running.go_on()
    status, said = running.end()
    assert status == 1
    one_line(said, str(state), "start the run again")
    comes_to(config, tmp_path, state, expected)


# Whose folder it is


def test_a_second_driver_is_refused_and_harms_nothing(config: Path, expected: bytes, tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = Running(config, tmp_path, state)
    second = ran(config, tmp_path / "second", state)
    running.go_on()
    assert second.returncode == 1
    one_line(second.stderr, str(state), "another run is using it", "wait for its end")
    assert running.end() == (0, "")
    assert (tmp_path / "alerts.jsonl").read_bytes() == expected


@pytest.mark.parametrize("names", [("data.db", "index.html"), ("000004.sst", "LOCK", "LOG"), ("LOCK",)])
def test_another_programs_folder_is_left_alone(config: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    state = tmp_path / "state"
    state.mkdir()
    for name in names:
        (state / name).write_text("mine\n")
    done = ran(config, tmp_path, state)
    assert done.returncode == 1
    one_line(done.stderr, str(state), names[-1], "give it a folder of its own")
    assert {path.name: path.read_text() for path in state.iterdir()} == dict.fromkeys(names, "mine\n")


def test_an_empty_disk_may_be_the_folder(config: Path, expected: bytes, tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "lost+found").mkdir(parents=True)
    (state / ".snapshots").mkdir()
    comes_to(config, tmp_path, state, expected)


def test_another_programs_database_is_not_taken_for_an_earlier_state(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "CURRENT").write_text("MANIFEST-000004\n")
    (state / "LOCK").write_text("")
    done = ran(config, tmp_path, state)
    assert done.returncode == 1
    one_line(done.stderr, str(state / "CURRENT"), "is no saved state of Redshank")
    assert (state / "CURRENT").read_text() == "MANIFEST-000004\n"


def test_a_later_versions_checkpoints_are_left_alone(config: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    body = b"".join(framed([b"\x81\xa7version\x02"])[0])
    (state / "manifest-000000000007").write_bytes(body)
    done = ran(config, tmp_path, state)
    assert done.returncode == 1
    one_line(
        done.stderr, "manifest-000000000007: version 2; this version of Redshank reads 1", "another place"
    )
    assert (state / "manifest-000000000007").read_bytes() == body


# Signals and clocks


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_is_gone_on_with(
    config: Path, expected: bytes, tmp_path: Path, number: signal.Signals
) -> None:
    state = tmp_path / "state"
    stopping = [sys.executable, "-c", signalled("_commit", number), *command(config, tmp_path, state)[3:]]
    done = subprocess.run(stopping, capture_output=True, text=True, check=False)
    status, said = done.returncode, done.stderr
    assert status == 1
    one_line(said, "redshank: stopped")
    assert not (tmp_path / "alerts.jsonl").exists()
    again = ran(config, tmp_path, state)
    assert again.returncode == 0
    assert "going on where an interrupted run over the same input stood" in again.stderr
    assert (tmp_path / "alerts.jsonl").read_bytes() == expected


def test_a_clock_that_jumps_breaks_no_epoch(
    config: Path, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backwards, years at a time: records must still not be ahead of it."""
    now = [time.time_ns() + n * 10**18 for n in (0, 1, -0.5, 3, 0.1)]

    def jumping() -> int:
        now.append(now.pop(0))
        return int(now[-1])

    monkeypatch.setattr(time, "time_ns", jumping)
    monkeypatch.setattr(time, "time", lambda: jumping() / 1e9)
    options = Options(
        [str(config.parent)], config, tmp_path / "alerts.jsonl", runtime="loop", state=str(tmp_path / "s")
    )
    quiet = Console(file=StringIO())
    for _ in range(2):  # interrupted, and gone on with
        with contextlib.suppress(KeyboardInterrupt), detecting(options, quiet) as result:
            report(result, options.alerts, True, quiet, quiet)
            if not list((tmp_path / "s").glob("stop")):
                (tmp_path / "s" / "stop").mkdir()
                raise KeyboardInterrupt
    assert (tmp_path / "alerts.jsonl").read_bytes() == expected
    epochs = sorted(path.name for path in (tmp_path / "s").glob("manifest-*"))
    assert len(epochs) >= 2


def test_a_run_of_its_own_folder_needs_a_place_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import ExitStack

    from cluster import detect

    def full(**_given: object) -> None:
        raise OSError(28, "No space left on device")

    said = StringIO()
    monkeypatch.setattr(detect.tempfile, "TemporaryDirectory", full)
    with ExitStack() as stack:
        assert detect._own_store(Options([]), Console(file=said, width=200), stack) is None
    assert said.getvalue().splitlines() == [
        "redshank: no checkpoints, the run goes on without: no temporary folder (No space left on device)"
    ]


@pytest.mark.ray
def test_a_run_whose_own_folder_is_full_goes_on_without_checkpoints(
    config: Path, expected: bytes, tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("300k")
    more = ["--runtime", "ray", "--shards", "2"]
    with TemporaryDirectory(prefix="r") as short:  # Ray's sockets have long names; and it joins no other Ray
        where = {"TMPDIR": str(disk), "RAY_TMPDIR": short}
        done = subprocess.run(
            command(config, tmp_path, None, *more), capture_output=True, text=True, timeout=WAIT_S, check=False,
            env=os.environ | where,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one_line(done.stderr, "the run goes on without", str(disk), "no space left on device")
    assert (tmp_path / "alerts.jsonl").read_bytes() == expected
