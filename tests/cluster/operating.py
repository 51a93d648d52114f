"""An organisation's telemetry and runs over it, for tests of what is done beside a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from alerts.alert import to_json
from cluster.detect import STEPS, Options, detecting, prepared
from cluster.run import Run
from cluster.simulating import run as simulate

QUIET = Console(quiet=True)


def organisation(folder: Path, days: int = 2) -> Path:
    """Telemetry with a configuration that takes checkpoints all the time; the configuration's path."""
    simulate(folder, days, 5, ())
    config = folder / "redshank.toml"
    config.write_text(f"{config.read_text()}\n[checkpoints]\nevery_seconds = 0.1\n")
    return config


def options(config: Path, state: Path | None, files: Sequence[Path] = ()) -> Options:
    """What `redshank detect` would be given; without files, all telemetry."""
    inputs = list(map(str, files)) or [str(config.parent / "telemetry")]
    return Options(inputs, config, runtime="loop", state=None if state is None else str(state), quiet=True)


def detected(config: Path, state: Path | None, files: Sequence[Path] = ()) -> bytes:
    """The alerts of a whole run, as they would be written."""
    with detecting(options(config, state, files), QUIET) as result:
        return b"\n".join(map(to_json, result.outcome.alerts))


@contextmanager
def under_way(config: Path, state: Path, checkpoints: int) -> Iterator[Run]:
    """A run that has taken so many checkpoints; it holds the state's lock."""
    with ExitStack() as stack:
        run = prepared(options(config, state), QUIET, stack)
        run.start()
        while len(list(state.glob("manifest-*"))) < min(2, checkpoints) or _newest(state) < checkpoints:
            assert not run.advance(STEPS).done
        yield run


def ended(run: Run) -> bytes:
    """The alerts of a run that was under way."""
    while not run.advance(STEPS).done:
        pass
    alerts = b"\n".join(map(to_json, run.finish().alerts))
    run.deliver()
    return alerts


def _newest(state: Path) -> int:
    return max((int(path.name[9:]) for path in state.glob("manifest-*")), default=0)
