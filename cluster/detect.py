"""`redshank detect`: files in, alerts out."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from actors.aggregator import Outcome
from actors.conductor import Progress as RunProgress
from actors.router import Counts
from actors.settings import MINUTE_US, Settings
from alerts.output import SUFFIXES, severity_line, show_table, write_alerts, write_lines
from cluster import state as store
from cluster.config import Configuration, load
from cluster.errors import UserError
from cluster.local import LocalRuntime
from detections.catalogue import CATALOGUE
from ingest.enrich import EnrichmentSettings
from ingest.records import Rejected

DAY_US = 86_400_000_000
STEPS = 200  # taken between two looks at the progress
STDIN = "-"  # what evidence calls it: the place where it is put is another one each time
MAX_REJECTED = 1_000_000  # kept in the file; more are only counted


@dataclass(slots=True)
class Options:
    """What the command line said."""

    inputs: Sequence[str]
    config: Path | None = None
    alerts: Path | None = None
    shards: int | None = None
    runtime: str = "ray"
    address: str | None = None
    state: Path | None = None
    quiet: bool = False


@dataclass(slots=True)
class Result:
    """What a run came to, for whoever called."""

    outcome: Outcome
    counts: Counts
    rejected: list[Rejected] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def settings_of(configuration: Configuration, shards: int, now_us: int | None) -> Settings:
    """The actors' settings from the configuration."""
    disabled = {type_ for type_ in CATALOGUE if not configuration.enabled(type_)}
    if not configuration.integrations.cloud_app_security:
        disabled |= {d.type for d in CATALOGUE.values() if d.cloud_app_security}
    return Settings(
        shards=shards,
        lateness_us=int(configuration.engine.lateness_minutes * MINUTE_US),
        not_after_us=None if now_us is None else now_us + DAY_US,
        sampling=configuration.flows.sampling,
        disabled=frozenset(disabled),
        learning_days=configuration.detections.learning_days,
        parameters={type_: dict(configuration.parameters(type_)) for type_ in CATALOGUE},
    )


def detect(options: Options, console: Console) -> Result:
    """Run over all inputs to their end, closing every hour. Raises UserError where it could not run."""
    configuration = load(options.config, frozenset(CATALOGUE))
    with ExitStack() as stack:
        paths = _inputs(options.inputs, stack)
        saved = None
        if options.state is not None:
            stack.enter_context(store.locked(options.state))
            saved = store.load(options.state)
        shards = options.shards or (1 if options.runtime == "loop" else max(1, min(os.cpu_count() or 1, 8)))
        settings = settings_of(configuration, shards, time.time_ns() // 1_000)
        runtime = _runtime(options, paths, settings, configuration.enrichment(), saved)
        stack.callback(runtime.stop)
        return _run(runtime, options, console)


def _runtime(
    options: Options,
    paths: list[str],
    settings: Settings,
    enrichment: EnrichmentSettings,
    saved: store.Saved | None,
) -> Any:
    if options.runtime == "loop":
        return LocalRuntime(paths, settings, enrichment, saved)
    from cluster.ray_runtime import RayRuntime

    return RayRuntime(paths, settings, enrichment, saved, options.address)


def _run(runtime: Any, options: Options, console: Console) -> Result:
    rejected: list[Rejected] = []
    stored = False
    with _bar(console, options.quiet) as show:
        while True:
            progress: RunProgress = runtime.advance(STEPS)
            rejected += progress.rejected[: max(0, MAX_REJECTED - len(rejected))]
            show(progress)
            if progress.drained and not stored and options.state is not None:
                # Before the last hours close for good: a later run goes on with them open.
                store.save(options.state, runtime.save())
                stored = True
            if progress.done:
                break
    return Result(runtime.finish(), progress.counts, rejected, list(runtime.skipped))


@contextmanager
def _bar(console: Console, quiet: bool) -> Iterator[Any]:
    """A progress bar on standard error, if that is a terminal."""
    if quiet or not console.is_terminal:
        with nullcontext():
            yield lambda progress: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files · {task.fields[records]} records"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Detecting", total=None, records="0")

        def show(progress: RunProgress) -> None:
            bar.update(
                task,
                total=progress.sources,
                completed=progress.finished,
                records=f"{progress.counts.read:,}",
            )

        yield show


def _inputs(inputs: Sequence[str], stack: ExitStack) -> list[str]:
    """The inputs that are there; standard input is put into a file, since an actor can't read it."""
    paths = []
    for name in inputs:
        if name == "-":
            if sys.stdin is None:
                raise UserError("-: standard input is closed")
            paths.append(_spooled(sys.stdin.buffer, stack))
        elif _kind(name) in ("file", "folder"):
            paths.append(name)
        else:  # a pipe: read once, here
            with _opened(name) as stream:
                paths.append(_spooled(stream, stack))
    return paths


def _kind(name: str) -> str:
    """'file', 'folder' or 'pipe'. Raises UserError for what is not there or may not be looked at."""
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError:
        raise UserError(f"{name}: no such file or folder") from None
    except OSError as error:
        raise UserError(f"{name}: can't be read: {error.strerror}") from None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "pipe"


def _opened(name: str) -> BinaryIO:
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UserError(f"{name}: can't be read: {error.strerror}") from None


def _spooled(stream: BinaryIO, stack: ExitStack) -> str:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="redshank-")))
    with (folder / STDIN).open("wb") as file:
        shutil.copyfileobj(stream, file)
    return str(folder / STDIN)


def check_output(path: Path | None) -> str | None:
    """What is wrong with `--alerts`, before hours are spent; None if nothing is."""
    if path is None:
        return None
    if path.suffix not in SUFFIXES:
        return f"{path}: the name must end in {' or '.join(SUFFIXES)}"
    if path.is_dir():
        return f"{path}: is a folder"
    folder = next(one for one in path.absolute().parents if one.exists())
    if not folder.is_dir():
        return f"{path}: {folder} is no folder"
    if not os.access(folder, os.W_OK):
        return f"{path}: nothing may be written in {folder}"
    return None


def report(result: Result, options: Options, out: Console, err: Console) -> int:
    """Write and show what came out; the exit status."""
    outcome = result.outcome
    folder = options.alerts.parent if options.alerts else Path()
    try:
        kept = None
        if options.alerts is not None:
            write_alerts(options.alerts, outcome.alerts)
            kept = _keep(folder / "withheld.jsonl", outcome.kept, "why")
        rejected = _keep(folder / "rejected.jsonl", result.rejected, "excerpt")
    except OSError as error:
        raise UserError(f"{error.filename}: could not be written: {error.strerror}") from None
    if options.alerts is None or not options.quiet:
        show_table(out, outcome.alerts)
    if not options.quiet:
        for line in summary(result, options.alerts, kept, rejected):
            err.print(line, highlight=False, markup=False, soft_wrap=True)
    return 3 if result.rejected else 0


def _keep(path: Path, values: Sequence[Any], mark: str) -> Path:
    """Write what was not used, for people to look at. An older run's file does not stay to mislead, and a file
    that is not ours stays: then the next free name is taken."""
    number = 1
    place = path
    while place.exists() and not _ours(place, mark):
        place, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
    if values:
        write_lines(place, values)
    else:
        place.unlink(missing_ok=True)
    return place


def _ours(path: Path, mark: str) -> bool:
    """Whether a run of ours wrote it: the mark is a field of every line."""
    try:
        with path.open("rb") as file:
            first = msgspec.json.decode(file.readline(1 << 20))
    except (OSError, msgspec.MsgspecError, ValueError):
        return False
    return isinstance(first, dict) and {mark} <= first.keys()


def summary(result: Result, alerts: Path | None, kept: Path | None, rejected: Path) -> Iterator[str]:
    """What became of every record, in a few lines."""
    outcome, counts = result.outcome, result.counts
    twice = sum(outcome.filtered.values())
    filtered = {**counts.filtered}
    for reason, number in outcome.filtered.items():
        filtered[reason] = filtered.get(reason, 0) + number
    applied = counts.flows_applied + counts.events_sent - twice
    yield (
        f"{counts.read:,} records read: {applied:,} applied, {counts.late:,} late, "
        f"{counts.rejected:,} rejected, {sum(filtered.values()):,} filtered; {outcome.entities:,} entities"
    )
    if counts.lost:
        yield f"  lost before they came here, by the exporters' sequence numbers: {counts.lost:,} flows"
    for reason, number in sorted(filtered.items(), key=lambda pair: (-pair[1], pair[0]))[:8]:
        yield f"  filtered {number:,}: {reason}"
    for source, number in sorted(counts.late_by_source.items(), key=lambda pair: (-pair[1], pair[0]))[:5]:
        yield f"  late {number:,}: {source} is out of order by more than the lateness allowed"
    if counts.closed_before:
        yield f"  late {counts.closed_before:,}: of hours that an earlier run with this --state has closed"
    if result.skipped:
        yield f"  {len(result.skipped):,} files left out, no telemetry: {', '.join(result.skipped[:3])}"
    if result.rejected:
        whole = sum(one.kind != "record" for one in result.rejected)
        beside = f", and {whole:,} files, sets or entries" if whole else ""
        yield f"rejected: {counts.rejected:,} records{beside}, kept in {rejected}"
        for one in result.rejected[:3]:
            yield f"  {one.source}: {one.reason}"
    if outcome.kept_total:
        learning = sum(one.why == "learning" for one in outcome.kept)
        yield (
            f"{outcome.kept_total:,} findings raised no alert ({learning:,} while still learning, "
            f"{outcome.kept_total - learning:,} withheld)" + (f", kept in {kept}" if kept else "")
        )
    for fault in outcome.faults[:5]:
        yield f"OUR FAULT: {fault.name} failed on {fault.entity}: {fault.error}; please report it"
    yield f"{len(outcome.alerts):,} alerts ({severity_line(outcome.alerts)}), {_incidents(outcome)} incidents"
    if alerts is not None:
        yield f"The full alerts, as JSON: {alerts}"


def _incidents(outcome: Outcome) -> int:
    return len({alert.incident for alert in outcome.alerts})
