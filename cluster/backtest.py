"""`redshank backtest`: what another configuration would have made of recorded telemetry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerts.alert import alert_id
from alerts.comparing import Came, Changed, Comparison, compare
from alerts.output import COLOURS, plain, severity_line, short_id, told, who, write_whole
from cluster.config import load
from cluster.detect import Options, detect, settings_of
from cluster.errors import UserError
from cluster.inputs import inputs_of
from cluster.reporting import Result
from detections.catalogue import CATALOGUE
from detections.words import counted

SHOWN = 60  # rows of the table; all are in the JSON
EVIDENCE_SHOWN = 4  # names of what differs


@dataclass(slots=True)
class Asked:
    """What the command line said."""

    inputs: Sequence[str]
    config: Path  # the new one
    against: Path
    runtime: str = "loop"
    json: Path | None = None
    quiet: bool = False


class Side(NamedTuple):
    """One of the two runs."""

    name: str
    config: Path
    result: Result


def backtest(asked: Asked, out: Console, err: Console) -> int:
    """Run twice over the same telemetry, and tell what differs. Neither run reads or writes any state."""
    for config in (asked.against, asked.config):
        load(config, frozenset(CATALOGUE))  # an hour's run must not end in a wrong key of the second one
    with ExitStack() as stack:
        paths = inputs_of(asked.inputs, stack)
        old = _side("old", asked.against, paths, asked, err)
        new = _side("new", asked.config, paths, asked, err)
    compared = compare(old.result.outcome.alerts, new.result.outcome.alerts, _why_not(old), _why_not(new))
    if asked.json is not None:
        _write(asked.json, compared, old, new)
    if not asked.quiet:
        _show(out, compared)
        for line in _summary(compared, old, new, asked.json):
            err.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _side(name: str, config: Path, paths: list[str], asked: Asked, err: Console) -> Side:
    if not asked.quiet:
        err.print(
            f"redshank: the {name} configuration: {config}", highlight=False, markup=False, soft_wrap=True
        )
    options = Options(paths, config=config, runtime=asked.runtime, quiet=asked.quiet, keeps=False)
    return Side(name, config, detect(options, err))


def _why_not(side: Side) -> dict[str, str]:
    """By the id of an alert that a run did not raise, or by its type, why."""
    settings = settings_of(load(side.config, frozenset(CATALOGUE)), 1, None)
    why = dict.fromkeys(settings.disabled, "the detection is off")
    why |= {alert.id: "in shadow: recorded, not alerted" for alert in side.result.outcome.shadow}
    for kept in side.result.outcome.kept:
        id_ = alert_id(kept.type, kept.kind, kept.entity, kept.start)
        why[id_] = f"{kept.why}: {kept.reason}" if kept.why != "learning" else kept.reason
    return why


# Output


def _write(path: Path, compared: Comparison, old: Side, new: Side) -> None:
    body = {
        "old": _counted(old),
        "new": _counted(new),
        "come": compared.come,
        "go": compared.go,
        "change": compared.change,
        "stay": compared.stay,
    }
    try:
        write_whole(path, msgspec.json.encode(body, order="sorted") + b"\n")
    except OSError as error:
        raise UserError(f"{path}: can't be written: {error.strerror}") from None


def _counted(side: Side) -> dict[str, Any]:
    counts, outcome = side.result.counts, side.result.outcome
    return {
        "config": str(side.config),
        "read": counts.read,
        "rejected": counts.rejected,
        "alerts": len(outcome.alerts),
        "withheld": outcome.kept_total,
    }


def _show(out: Console, compared: Comparison) -> None:
    """Alerts that come, go and change, in that order."""
    rows = [
        *(_only("comes", one) for one in compared.come),
        *(_only("goes", one) for one in compared.go),
        *(_changed(one) for one in compared.change),
    ]
    if not rows:
        out.print("No alert comes, goes or changes.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("Hour (UTC), id", max_width=10, overflow="fold")
    table.add_column("Severity", overflow="fold")
    table.add_column("Alert", overflow="fold", ratio=1)
    for row in rows[:SHOWN]:
        table.add_row(*row)
    out.print(table)
    if len(rows) > SHOWN:
        out.print(f"and {len(rows) - SHOWN:,} more: --json FILE has all of them")


def _only(word: str, one: Came) -> tuple[str, str, str, str]:
    alert = one.alert
    why = f"\n[dim]{'not before' if word == 'comes' else 'now'}: {escape(plain(one.reason))}[/dim]"
    what = f"[bold]{escape(plain(alert.title))}[/bold]: [italic]{escape(plain(who(alert)))}[/italic]"
    said = f"{what}\n{escape(plain(told(alert)))}" + why * bool(one.reason)
    colour = COLOURS[alert.severity]
    return word, _place(alert.start, alert.id), f"[{colour}]{alert.severity}[/]", said


def _changed(one: Changed) -> tuple[str, str, str, str]:
    said = [
        f"[bold]{escape(plain(one.title))}[/bold]: [italic]{escape(plain(short_id(one.entity.id)))}[/italic]"
    ]
    if one.count is not None:
        said.append(f"count: {one.count[0]:,} → {one.count[1]:,}")
    if one.evidence:
        names = list(one.evidence)
        rest = f" and {len(names) - EVIDENCE_SHOWN} more" if len(names) > EVIDENCE_SHOWN else ""
        said.append(f"evidence: {', '.join(names[:EVIDENCE_SHOWN])}{rest}")
    severity = "" if one.severity is None else f"{one.severity[0]} → {one.severity[1]}"
    return "changes", _place(one.start, one.id), severity, "\n".join(said)


def _place(start: str, id_: str) -> str:
    return f"{start[:16].replace('T', ' ')} [dim]{id_[:8]}[/dim]"


def _summary(compared: Comparison, old: Side, new: Side, json: Path | None) -> Iterator[str]:
    for side in (old, new):
        outcome, counts = side.result.outcome, side.result.counts
        yield (
            f"{side.name}: {counted(len(outcome.alerts), 'alert')} ({severity_line(outcome.alerts)}); {counted(counts.read, 'record')} "
            f"read, {counts.rejected:,} rejected; {counted(outcome.kept_total, 'finding')} raised no alert"
        )
        for fault in outcome.faults[:5]:
            yield f"OUR FAULT: {fault.name} failed on {fault.entity}: {fault.error}; please report it"
    if rejected := [*old.result.rejected, *new.result.rejected]:
        yield f"rejected: {rejected[0].source}: {rejected[0].reason}; `redshank detect` keeps all of them"
    yield (
        f"{len(compared.come):,} come, {len(compared.go):,} go, {len(compared.change):,} change, "
        f"{compared.stay:,} stay as they are"
    )
    if json is not None:
        yield f"All of it, as JSON: {json}"
