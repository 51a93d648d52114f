"""`redshank detect`: files in, alerts out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from actors.conductor import Progress as RunProgress
from actors.settings import MINUTE_US, Settings
from cluster.beginning import Beginning, beginning, place_of
from cluster.checkpoints import Store
from cluster.config import Configuration, load
from cluster.earlier import take_over
from cluster.feeds import feeds_of, unread_us
from cluster.inputs import STDIN, inputs_of, seen, seen_objects
from cluster.local import LocalRuntime
from cluster.reporting import Result
from cluster.run import Every, Run
from cluster.runtime import Runtime
from cluster.sources import bucket_for
from cluster.storing import opened
from cluster.teaching import marks_of
from detections.catalogue import CATALOGUE
from ingest.enrich import EnrichmentSettings
from ingest.sources import Files

DAY_US = 86_400_000_000
STEPS = 20  # taken between two looks at the progress and at whether a checkpoint is due


@dataclass(slots=True)
class Options:
    """What the command line said."""

    inputs: Sequence[str]
    config: Path | None = None
    alerts: Path | None = None
    shards: int | None = None
    runtime: str = "ray"
    address: str | None = None
    state: str | None = None
    quiet: bool = False
    keeps: bool = True  # where a state is said, it is gone on from and saved


def settings_of(configuration: Configuration, shards: int, not_after_us: int | None) -> Settings:
    """The actors' settings from the configuration."""
    disabled = {type_ for type_ in CATALOGUE if not configuration.enabled(type_)}
    if not configuration.integrations.cloud_app_security:
        disabled |= {d.type for d in CATALOGUE.values() if d.cloud_app_security}
    return Settings(
        shards=shards,
        routers=configuration.engine.routers,
        lateness_us=int(configuration.engine.lateness_minutes * MINUTE_US),
        not_after_us=not_after_us,
        sampling=configuration.flows.sampling,
        disabled=frozenset(disabled),
        shadow=frozenset(configuration.detections.shadow) - disabled,
        learning_days=configuration.detections.learning_days,
        expected=configuration.expected.all(),
        budget=configuration.detections.budget,
        from_telemetry=configuration.inventory.from_telemetry,
        parameters={type_: dict(configuration.parameters(type_)) for type_ in CATALOGUE},
    )


def every_of(configuration: Configuration) -> Every:
    """How often a checkpoint is taken."""
    said = configuration.checkpoints
    return Every(said.every_seconds, said.every_records)


def detect(options: Options, console: Console) -> Result:
    """`detecting`, for those who only want the result."""
    with detecting(options, console) as result:
        return result


@contextmanager
def detecting(options: Options, console: Console) -> Iterator[Result]:
    """Run over all inputs to their end, closing every hour. Raises UserError where it could not run.

    The state that is left counts once the result is in its user's hands, which is when the context ends well.
    """
    with ExitStack() as stack:
        run = prepared(options, console, stack)
        run.start()
        yield _run(run, options, console)
        run.deliver()


def prepared(options: Options, console: Console, stack: ExitStack) -> Run:
    """The run that the options ask for, not begun yet; the stack ends what it holds."""
    configuration = load(options.config, frozenset(CATALOGUE))
    paths = inputs_of(options.inputs, stack)
    buckets = tuple(bucket_for(path, configuration, options.config) for path in paths if "://" in path)
    objects = seen_objects(buckets)
    place = (options.state or configuration.checkpoints.store) if options.keeps else None
    store = (
        _own_store(options, console, stack) if place is None else _store(place, configuration, console, stack)
    )
    begin = _beginning(options, configuration, paths, objects, store, console)
    settings = settings_of(configuration, _shards(options), begin.not_after_us)

    standing = place_of(begin.manifest) if begin.manifest is not None else None
    feeds = feeds_of(configuration, options.config, store, begin.manifest, unread_us(standing))
    for note in feeds.notes:
        _say(console, note)
    about = feeds.settings(configuration.enrichment())

    def runtime(checkpoints: bool) -> Runtime:
        told = replace(settings, checkpoints=checkpoints, lasts=place is not None)
        finder = Files(tuple(path for path in paths if "://" not in path), told.lateness_us, buckets)
        return _runtime(options, finder, told, about, store)

    spare = (lambda: runtime(False)) if place is None and store is not None else None
    every, say = every_of(configuration), partial(_say, console)
    run = Run(runtime(store is not None), store, begin, every, say, spare)
    if place is not None:
        run.keep_feeds(feeds.packed())
    stack.callback(lambda: run.runtime.stop())
    if options.keeps:  # else it is a comparison of configurations
        run.marked = marks_of(opened(configuration), partial(_say, console), takes_in=place is not None)
    return run


def _store(place: str, configuration: Configuration, console: Console, stack: ExitStack) -> Store:
    """Where checkpoints go, as said; it is this run's until the stack ends."""
    store = Store(place, dict(configuration.checkpoints.options))
    stack.enter_context(store.lock())
    if note := take_over(store):
        _say(console, note)
    return store


def _own_store(options: Options, console: Console, stack: ExitStack) -> Store | None:
    """A folder for this run alone, if the run has parts that can die by themselves."""
    if options.runtime == "loop" or options.address is not None:
        return None
    try:
        made = tempfile.TemporaryDirectory(prefix="redshank-", ignore_cleanup_errors=True)
    except OSError as error:
        _say(console, f"no checkpoints, the run goes on without: no temporary folder ({error.strerror})")
        return None
    return Store(stack.enter_context(made))


def _beginning(
    options: Options,
    configuration: Configuration,
    paths: list[str],
    objects: str,
    store: Store | None,
    console: Console,
) -> Beginning:
    not_after_us = time.time_ns() // 1_000 + DAY_US
    begin = Beginning()
    if store is not None:
        about = configuration.enrichment()
        files = [*paths, about.inventory, about.database, about.systems, *(feed.path for feed in about.feeds)]
        begin = beginning(store, _fingerprint(configuration, paths), seen(files) + objects)
    for note in begin.notes:
        _say(console, note)
    if begin.not_after_us is None:
        begin.not_after_us = not_after_us
    return begin


def _fingerprint(configuration: Configuration, paths: list[str]) -> str | None:
    """Of the inputs and all that bears on the alerts. What comes by a pipe can't be read again."""
    if any(Path(path).name == STDIN for path in paths):
        return None
    settings = settings_of(configuration, 1, None)
    said: list[Any] = [
        sorted(path if "://" in path else os.path.realpath(path) for path in paths),
        repr(configuration.enrichment()),
        repr(configuration.threat_intel),
    ]
    # Sets have another order in each process.
    said += [sorted(settings.disabled), sorted(settings.shadow)]
    said.append(repr(replace(settings, disabled=frozenset(), shadow=frozenset())))
    said += [] if settings.budget is None else [settings.budget]
    said += ["from_telemetry"] if settings.from_telemetry else []
    return blake2b(repr(said).encode(errors="surrogateescape"), digest_size=16).hexdigest()


def _shards(options: Options) -> int:
    return options.shards or (1 if options.runtime == "loop" else max(1, min(os.cpu_count() or 1, 8)))


def _runtime(
    options: Options, finder: Files, settings: Settings, about: EnrichmentSettings, store: Store | None
) -> Runtime:
    if options.runtime == "loop":
        return LocalRuntime(finder, settings, about, store)
    from cluster.ray_runtime import RayRuntime

    return RayRuntime(finder, settings, about, store, options.address)


def _run(run: Run, options: Options, console: Console) -> Result:
    with _bar(console, options.quiet) as show:
        while True:
            progress = run.advance(STEPS)
            show(progress)
            if progress.done:
                break
    outcome = run.finish()
    rejected = [*run.runtime.rejected, *run.rejected]
    return Result(outcome, progress.counts, rejected, list(run.runtime.skipped))


def _say(console: Console, line: str) -> None:
    console.print(f"redshank: {line}", highlight=False, markup=False, soft_wrap=True)


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
