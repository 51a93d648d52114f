"""`redshank incidents` over a file or a store: the list, and one as a story."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from alerts.alert import Alert
from alerts.incident import Incident, Step, by_incident
from alerts.output import COLOURS, plain
from cluster.asked import moment
from cluster.explaining import WIDEST, check_plots, write_picture
from cluster.showing import read_latest
from detections.words import counted

MOST_EDGES = 40
_encode = msgspec.json.Encoder(order="sorted").encode


def show_list(
    file: Path | None,
    config: Path | None,
    store: str | None,
    since: str | None,
    until: str | None,
    severity: str | None,
    limit: int,
    single: bool,
    as_json: bool,
) -> int:
    """A table, or all of each as a line of JSON."""
    if file is not None and (config or store):
        raise click.UsageError("either FILE or --config or --store")
    since, until = moment(since, "--since", -1), moment(until, "--until", -1)
    found = _of_file(file, since, until) if file is not None else _of_stores(config, store, since, until)
    shown: list[Incident] = []
    singles = 0
    for one in found:
        if severity is not None and one.severity != severity:
            continue
        if len(one.alerts) == 1 and not single:
            singles += 1
        elif len(shown) < limit:
            shown.append(one)
        else:
            click.echo("there are more (--limit)", err=True)
            break
    if as_json:
        for one in shown:
            click.echo(_encode(one))
        return 0
    _table(shown)
    more = f"; {counted(singles, 'alert')} by itself (--single)" if singles == 1 else ""
    more = f"; {counted(singles, 'alert')} by themselves (--single shows them)" if singles > 1 else more
    click.echo(f"{counted(len(shown), 'incident')}{more}")
    return 0


def _of_file(file: Path, since: str | None, until: str | None) -> Iterator[Incident]:
    found = by_incident(one for one in read_latest(file) if not one.withdrawn)
    for one in reversed(found):
        if (since is None or one.last >= since) and (until is None or one.begun < until):
            yield one


def _of_stores(
    config: Path | None, store: str | None, since: str | None, until: str | None
) -> Iterator[Incident]:
    from alerts.store.incidents import ids, one_incident
    from cluster.working import stores

    with stores(config, store) as found:
        for id_ in ids(found, since, until):
            if (one := one_incident(found, id_)) is not None:
                yield one.incident


def _table(shown: Sequence[Incident]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if not shown:
        click.echo("No incidents.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Begun (UTC)", max_width=16, overflow="fold")
    table.add_column("Severity", no_wrap=True)
    table.add_column("What happened", overflow="fold", ratio=1)
    table.add_column("Alerts", justify="right")
    for one in shown:
        what = f"[bold]{escape(one.title)}[/bold]\n{escape(one.summary)} [dim]{escape(plain(one.id))}[/dim]"
        severity = f"[{COLOURS[one.severity]}]{one.severity}[/]"
        table.add_row(one.begun[:16].replace("T", " "), severity, what, f"{len(one.alerts):,}")
    Console(emoji=False).print(table)


def show_one(
    file: Path | None,
    id_: str,
    config: Path | None,
    store: str | None,
    as_json: bool,
    picture: Path | None,
) -> int:
    """One incident, whole."""
    if picture is not None:
        check_plots()
    one, alerts, left = _one_of_file(file, id_) if file else _one_of_stores(config, store, id_)
    if as_json:
        click.echo(_encode(one))
    else:
        _tell(one, left)
    if picture is not None:
        from alerts.incident_picture import picture as drawn

        write_picture(drawn(one, alerts), picture)
    return 0


def _one_of_file(file: Path, id_: str) -> tuple[Incident, list[Alert], int]:
    given = read_latest(file)
    hits = [one for one in by_incident(given) if _means(one, id_)]
    one = _only(hits, id_, str(file))
    ids = set(one.alerts)
    return one, [alert for alert in given if alert.id in ids], 0


def _means(one: Incident, id_: str) -> bool:
    own = any(known.startswith(id_) for known in (one.id, *one.was))
    return own or any(alert.startswith(id_.lower()) for alert in one.alerts)


def _only(hits: Sequence[Any], id_: str, where: str) -> Any:
    if not id_ or len(hits) != 1:
        many = f"{len(hits)} incidents begin so" if hits and id_ else "there is none"
        raise click.BadParameter(f"{id_}: {many} in {where}", param_hint="ID")
    return hits[0]


def _one_of_stores(config: Path | None, store: str | None, id_: str) -> tuple[Incident, list[Alert], int]:
    from alerts.store.incidents import one_incident, starting
    from cluster.working import stores

    with stores(config, store) as found:
        hits = starting(found, id_) if id_ else []
        if not hits and id_:
            rows = [row for place in found for row in place.find(id_)]
            hits = sorted({row.alert.incident for row in rows})
        whole = one_incident(found, _only(hits, id_, "the store"))
        one = _only([] if whole is None else [whole], id_, "the store")
        return one.incident, one.alerts, one.left


def _tell(one: Incident, left: int) -> None:
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns) - 4
    click.secho(f"{one.title} ({one.severity})", bold=True)
    click.echo(one.summary)
    for name, value in (
        ("Id", one.id + (f" (also known as {', '.join(one.was)})" if one.was else "")),
        ("Severity", f"{one.severity}, {one.because}"),
        ("Tactics", f"{', '.join(one.tactics)} ({', '.join(one.techniques)})"),
    ):
        click.echo(f"{name + ':':<11}{plain(value)}")
    if left:
        click.echo(f"{left:,} more of its alerts are left out")
    click.secho("\nThe story", bold=True)
    for step in one.story:
        _step(step, width)
    click.secho("\nWho is connected with whom", bold=True)
    names = {node.id: plain(node.name) for node in one.graph.nodes}
    for edge in one.graph.edges[:MOST_EDGES]:
        click.echo(
            f"  {names[edge.source]} – {names[edge.target]}  ({counted(edge.alerts, 'alert')}, {edge.severity})"
        )
    if (more := len(one.graph.edges) - MOST_EDGES) > 0:
        click.echo(f"  and {more:,} more (--json has all)")
    if not one.graph.edges:
        click.echo("  Nobody with anybody else.")


def _step(step: Step, width: int) -> None:
    first, last = step.first_seen[:16].replace("T", " "), step.last_seen[11:16]
    when = first if first.endswith(last) else f"{first}–{last}"
    stage = f", {step.stage}" if step.stage else ""
    many = f" × {len(step.alerts)}" if len(step.alerts) > 1 else ""
    click.echo(f"  {when}  {step.title}{many} ({step.severity}{stage})  {step.alerts[0][:8]}")
    for line in textwrap.wrap(step.text, max(20, width)):
        click.echo(f"      {line}")
