"""`redshank alerts` over a store: lists, one alert, and the work on it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from alerts.output import plain, show_table
from alerts.store.opening import AlertStoreError
from alerts.store.store import AlertStore, Stored
from alerts.store.together import page
from alerts.work import Filter
from cluster.asked import known_type, moment, now, stamp
from cluster.config import load
from cluster.errors import UserError
from cluster.showing import show_whole
from cluster.storing import opened
from detections.catalogue import CATALOGUE


@contextmanager
def stores(config: Path | None, store: str | None) -> Iterator[list[AlertStore]]:
    """Those that are meant; whatever they fail at is one line."""
    if (config is None) == (store is None):
        raise click.UsageError(
            "where are the alerts? One of FILE, --config FILE and --store URL was expected"
        )
    try:
        if store is not None:
            yield [AlertStore(store)]
            return
        found = opened(load(config, frozenset(CATALOGUE)))
        if found is None:
            raise UserError(f"{config}: has no [store]: url = 'sqlite:///redshank.db' was expected")
        yield found.all()
    except AlertStoreError as error:
        raise UserError(str(error)) from None


def list_store(
    type_: str | None, severity: str | None, config: Path | None, store: str | None, **asked: Any
) -> int:
    """A page of alerts; of several stores one page together."""
    asked["since"] = moment(asked["since"], "--since", -1)
    asked["until"] = moment(asked["until"], "--until", -1)
    wanted = Filter(type=known_type(type_), severity=severity, **asked)
    with stores(config, store) as found:
        shown = page(found, wanted)
        hidden = 0 if wanted.hidden else sum(one.suppressed(wanted) for one in found)
    rows = shown.alerts
    show_table(Console(emoji=False), [row.alert for row in rows])
    for row in rows:
        if work := _work(row):
            click.echo(f"{row.alert.id[:8]}: {work}")
    last = f"{len(rows):,} shown" + ", there are more (--limit)" * shown.more
    click.echo(f"{last}; {hidden:,} suppressed (--all shows them)" if hidden else last)
    return 0


def _work(row: Stored) -> str:
    said = [f"marked {row.state}"] if row.state != "open" else []
    said += [f"assigned to {plain(row.assignee)}"] if row.assignee else []
    return ", ".join(said + ([f"suppressed by rule {row.rule}"] if row.rule is not None else []))


def one_alert(found: list[AlertStore], id_: str) -> tuple[AlertStore, Stored]:
    """The alert that is meant, and where it is."""
    hits = [(store, row) for store in found for row in store.find(id_)] if id_ else []
    if len(hits) != 1:
        many = "several alerts begin so" if hits else "there is none"
        raise click.BadParameter(f"{id_!r}: {many} in the store", param_hint="ID")
    return hits[0]


def show_stored(config: Path | None, store: str | None, id_: str) -> int:
    """One alert with the work on it."""
    with stores(config, store) as found:
        place, row = one_alert(found, id_)
        lines = place.history(row.alert.id)
    show_whole(row.alert)
    click.secho("\nWork", bold=True)
    click.echo(f"  {_work(row) or 'open'}; {len(lines)} changes (`redshank alerts history`)")
    return 0


def doer(who: str | None) -> str:
    """Who does it."""
    if who is not None and not who.strip():
        raise click.BadParameter("a name was expected", param_hint="--as")
    try:
        return who or getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("this system does not say who you are: --as NAME was expected") from None


def mark(
    id_: str,
    state: Any,
    reason: str,
    scopes: tuple[str, ...],
    expires: str | None,
    yes: bool,
    force: bool,
    who: str | None,
    config: Path | None,
    store: str | None,
) -> int:
    """Say whether it is true; hide its like where that is asked for."""
    from cluster.suppressing import deadline, saved, scope_of

    if (scopes or expires is not None) and state != "benign":
        raise click.UsageError(f"--scope and --expires are for what is benign, not for what is {state}")
    until, by = deadline(expires), doer(who)
    with stores(config, store) as found:
        place, row = one_alert(found, id_)
        scope = scope_of(row.alert, scopes) if scopes else None
        if scope is not None and not saved(found, scope, until, reason, by, yes, force):
            return 1
        place.mark(row.alert.id, state, reason, by, stamp(now()), until)
    click.echo(f"{row.alert.id[:8]}: marked {state}" + (f" until {until}" if until else ""))
    return 0


def assign(id_: str, to: str, who: str | None, config: Path | None, store: str | None) -> int:
    """Give it to somebody."""
    with stores(config, store) as found:
        place, row = one_alert(found, id_)
        place.assign(row.alert.id, to.strip(), doer(who), stamp(now()))
    click.echo(f"{row.alert.id[:8]}: " + (f"assigned to {plain(to)}" if to.strip() else "assigned to nobody"))
    return 0


def note(id_: str, text: str, who: str | None, config: Path | None, store: str | None) -> int:
    """Write something down."""
    if not text.strip():
        raise click.BadParameter("a text was expected", param_hint="TEXT")
    with stores(config, store) as found:
        place, row = one_alert(found, id_)
        place.note(row.alert.id, text, doer(who), stamp(now()))
    click.echo(f"{row.alert.id[:8]}: noted")
    return 0


def history(id_: str, config: Path | None, store: str | None) -> int:
    """Who did what."""
    with stores(config, store) as found:
        place, row = one_alert(found, id_)
        lines = place.history(row.alert.id)
    for line in lines:
        click.echo(
            f"{line.at}  {plain(line.who)}: {line.what}" + (f": {plain(line.detail)}" if line.detail else "")
        )
    if not lines:
        click.echo("Nobody has done anything to it.")
    return 0
