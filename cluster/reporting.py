"""What came out of a run, for its user: the alerts, a table, and what became of every record."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from actors.outcome import Outcome
from actors.steps import Counts
from alerts.output import SUFFIXES, plain, severity_line, show_table, write_alerts, write_lines
from cluster.errors import UserError
from cluster.snapshot import UNSETTLED
from detections.words import counted
from ingest.records import Rejected


@dataclass(slots=True)
class Result:
    """What a run came to, for whoever called."""

    outcome: Outcome
    counts: Counts
    rejected: list[Rejected] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def check_output(path: Path | None, suffixes: Sequence[str] = SUFFIXES) -> str | None:
    """What is wrong with a file that is to be written, before hours are spent; None if nothing is."""
    if path is None:
        return None
    if path.suffix.lower() not in suffixes:
        return f"{path}: the name must end in {' or '.join(suffixes)}"
    if path.is_dir():
        return f"{path}: is a folder"
    folder = next(one for one in path.absolute().parents if one.exists())
    if not folder.is_dir():
        return f"{path}: {folder} is no folder"
    if not os.access(folder, os.W_OK):
        return f"{path}: nothing may be written in {folder}"
    return None


def report(result: Result, alerts: Path | None, quiet: bool, out: Console, err: Console) -> int:
    """Write and show what came out; the exit status."""
    outcome = result.outcome
    folder = alerts.parent if alerts else Path()
    try:
        kept = shadow = None
        if alerts is not None:
            write_alerts(alerts, outcome.alerts)
            kept = _keep(folder / "withheld.jsonl", outcome.kept, "why")
            shadow = _keep(folder / "shadow.jsonl", outcome.shadow, "shadow")
        rejected = _keep(folder / "rejected.jsonl", result.rejected, "excerpt")
    except OSError as error:
        raise UserError(f"{error.filename}: could not be written: {error.strerror}") from None
    if alerts is None or not quiet:
        show_table(out, outcome.alerts)
    if not quiet:
        for line in summary(result, alerts, kept, rejected, shadow):
            err.print(plain(line), highlight=False, markup=False, soft_wrap=True)
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
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {mark} <= first.keys()


def summary(
    result: Result, alerts: Path | None, kept: Path | None, rejected: Path, shadow: Path | None
) -> Iterator[str]:
    """What became of every record, in a few lines."""
    outcome = result.outcome
    yield from _of_records(result)
    if result.rejected:
        yield from _of_rejected(result, rejected)
    yield from _of_findings(outcome, kept, shadow)
    for fault in outcome.faults[:5]:
        yield f"OUR FAULT: {fault.name} failed on {fault.entity}: {fault.error}; please report it"
    alerts_number, incidents = counted(len(outcome.alerts), "alert"), counted(_incidents(outcome), "incident")
    yield f"{alerts_number} ({severity_line(outcome.alerts)}), {incidents}"
    if alerts is not None:
        yield f"The full alerts, as JSON: {alerts}"


def _of_records(result: Result) -> Iterator[str]:
    outcome, counts = result.outcome, result.counts
    twice = sum(outcome.filtered.values())
    filtered = {**counts.filtered}
    for reason, number in outcome.filtered.items():
        filtered[reason] = filtered.get(reason, 0) + number
    applied = counts.flows_applied + counts.events_sent - twice
    yield (
        f"{counted(counts.read, 'record')} read: {applied:,} applied, {counts.late:,} late, "
        f"{counts.rejected:,} rejected, {sum(filtered.values()):,} filtered; {counted(outcome.entities, 'entity', 'entities')}"
    )
    if counts.lost:
        yield f"  lost before they came here, by the exporters' sequence numbers: {counted(counts.lost, 'flow')}"
    if counts.unsettled:
        yield f"  {UNSETTLED}: {counted(counts.unsettled, 'flow')}"
    for reason, number in sorted(filtered.items(), key=lambda pair: (-pair[1], pair[0]))[:8]:
        yield f"  filtered {number:,}: {reason}"
    for source, number in sorted(counts.late_by_source.items(), key=lambda pair: (-pair[1], pair[0]))[:5]:
        yield f"  late {number:,}: {source or 'some other source'} is out of order by more than the lateness allowed"
    if counts.closed_before:
        yield f"  late {counts.closed_before:,}: of hours that an earlier run with this --state has closed"
    if result.skipped:
        yield f"  {counted(len(result.skipped), 'file')} left out, no telemetry: {', '.join(result.skipped[:3])}"


def _of_rejected(result: Result, rejected: Path) -> Iterator[str]:
    whole = sum(one.kind != "record" for one in result.rejected)
    beside = f", and {counted(whole, 'file, set or entry', 'files, sets or entries')}" if whole else ""
    yield f"rejected: {counted(result.counts.rejected, 'record')}{beside}, kept in {rejected}"
    for one in result.rejected[:3]:
        yield f"  {one.source}: {one.reason}"


def _of_findings(outcome: Outcome, kept: Path | None, shadow: Path | None) -> Iterator[str]:
    if outcome.kept_total:
        learning = sum(one.why == "learning" for one in outcome.kept)
        yield (
            f"{counted(outcome.kept_total, 'finding')} raised no alert ({learning:,} while still learning, "
            f"{outcome.kept_total - learning:,} withheld)" + (f", kept in {kept}" if kept else "")
        )
    if outcome.shadow:
        where = f"kept in {shadow}" if shadow else "--alerts FILE keeps them beside it"
        yield f"in shadow: {counted(len(outcome.shadow), 'alert')} ({severity_line(outcome.shadow)}), {where}"
    if outcome.expected:
        yield f"{counted(outcome.expected, 'alert')} told a step lower: all who did it are expected to ([expected])"
    if outcome.unknown_systems:
        unknown = counted(outcome.unknown_systems, "address", "addresses")
        yield f"networks of {unknown} not known: {outcome.systems_fault}; put a whole file in its place"


def _incidents(outcome: Outcome) -> int:
    return len({alert.incident for alert in outcome.alerts})
