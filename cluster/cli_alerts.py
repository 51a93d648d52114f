"""`redshank alerts`: what is asked; `cluster.showing` and `cluster.working` do it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
SEVERITIES = click.Choice(["high", "medium", "low", "informational"])


def places(command: F) -> F:
    """Where the alerts are."""
    config = click.option("--config", type=click.Path(path_type=Path), help="Configuration with a [store].")
    store = click.option("--store", metavar="URL", help="A store, like sqlite:///redshank.db.")
    return config(store(command))


def _who(command: F) -> F:
    return click.option("--as", "who", metavar="NAME", help="Who does it; by default who is logged in.")(
        command
    )


@click.group()
def alerts() -> None:
    """List and show alerts, of a file or of the store, and work on those of the store."""


_FILTERS = (
    click.option("--type", "type_", help="Only this type."),
    click.option("--severity", type=SEVERITIES),
    click.option("--entity", metavar="ID", help="Only of this entity."),
    click.option("--since", metavar="WHEN", help="A date, a time, or how long ago: 7d, 12h."),
    click.option("--until", metavar="WHEN"),
    click.option("--state", type=click.Choice(["open", "true", "benign"])),
    click.option("--text", help="In title, description, type or entity."),
)


def _filters(order: str) -> Callable[[F], F]:
    """Which alerts, in which order, by default in this one."""
    orders = click.Choice(["newest", "oldest", "severity"])
    more = (
        click.option("--order", type=orders, default=order, show_default=True),
        click.option("--all", "hidden", is_flag=True, help="Suppressed and withdrawn ones too."),
    )

    def added(command: F) -> F:
        for option in reversed((*_FILTERS, *more)):
            command = option(command)
        return command

    return added


def _not_of_a_file(names: Iterable[str]) -> None:
    """Refuse what only a store knows."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"--{'all' if name == 'hidden' else name} is for the store, not for a file"
            )


@alerts.command("list")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@places
@_filters("newest")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_(file: Path | None, type_: str | None, severity: str | None, **asked: Any) -> int:
    """The alerts of FILE, or of the store (--config, --store), as a table.

    What follows --severity, and --limit, are for the store.
    """
    if file is None:
        from cluster.working import list_store

        return list_store(type_, severity, **asked)
    _not_of_a_file(asked)
    from cluster.asked import known_type
    from cluster.showing import show_list

    return show_list(file, known_type(type_), severity)


FORMATS = click.Choice(["json", "ocsf", "stix", "sentinel", "csv", "cef", "syslog"])


@alerts.command()
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True), required=False
)
@click.option("--format", "form", type=FORMATS, default="json", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here; by default to standard output.",
)
@places
@_filters("oldest")
def export(
    file: Path | None, form: str, out: Path | None, config: Path | None, store: str | None, **said: Any
) -> int:
    """The alerts of FILE ('-' is standard input), or of the store (--config, --store), as other systems read them.

    --state, --order and --all are for the store; those of a file stay in its order.
    """
    from cluster import exporting

    asked = exporting.filter_of(**said)
    if file is None:
        return exporting.export_store(form, out, asked, config, store)
    _not_of_a_file(("config", "store", "state", "order", "hidden"))
    return exporting.export_file(file, form, out, asked)


@alerts.command()
@click.argument("which", nargs=-1, required=True, metavar="[FILE] ID")
@places
def show(which: tuple[str, ...], config: Path | None, store: str | None) -> int:
    """One alert, whole: evidence, what speaks against it, steps to take. ID may be its beginning."""
    if len(which) > 2:
        raise click.UsageError("FILE and ID were expected, or ID with --config or --store")
    if len(which) == 1:
        from cluster.working import show_stored

        return show_stored(config, store, which[0])
    if config or store:
        raise click.UsageError("either FILE or --config or --store")
    from cluster.showing import show_alert

    file = click.Path(path_type=Path, exists=True, dir_okay=False)
    path: Path = file.convert(which[0], None, click.get_current_context())
    return show_alert(path, which[1])


@alerts.command()
@click.argument("id_", metavar="ID")
@click.argument("state", type=click.Choice(["true", "benign", "open"]))
@click.option("--reason", default="", help="Why; it stands in the history.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="WHAT",
    help="Hide its like by a rule: of the same type, entity, principal, address, application (address=IP where it "
    "names several); more than one: all of it must hold.",
)
@click.option(
    "--expires", metavar="WHEN", help="Until when it is benign, and the rule hides: 30d, 12h, a date."
)
@click.option("--yes", is_flag=True, help="With --scope: do not ask.")
@click.option("--force", is_flag=True, help="With --yes: even where it hides alerts that are marked true.")
@_who
@places
def mark(**options: Any) -> int:
    """Say that an alert is true or benign ('open' takes it back).

    The baselines learn what is marked benign. With --scope its like is hidden too; that is tried before it is saved.
    """
    from cluster.working import mark as run

    return run(**options)


@alerts.command()
@click.argument("id_", metavar="ID")
@click.argument("to", metavar="NAME")
@_who
@places
def assign(**options: Any) -> int:
    """Give an alert to somebody; '' takes it from them."""
    from cluster.working import assign as run

    return run(**options)


@alerts.command()
@click.argument("id_", metavar="ID")
@click.argument("text")
@_who
@places
def note(**options: Any) -> int:
    """Write something down about an alert."""
    from cluster.working import note as run

    return run(**options)


@alerts.command()
@click.argument("id_", metavar="ID")
@places
def history(**options: Any) -> int:
    """Who did what to an alert, oldest first."""
    from cluster.working import history as run

    return run(**options)


@alerts.command()
@click.option("--type", "type_", help="Alerts of this type ...")
@click.option("--entity", metavar="ID", help="... of this entity ...")
@click.option("--principal", metavar="ID", help="... that name this principal, ...")
@click.option("--address", metavar="IP", help="... this address, ...")
@click.option("--application", metavar="ID", help="... this application.")
@click.option("--expires", metavar="WHEN", help="A date, a time, or how long from now: 30d, 12h.")
@click.option("--reason", default="")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="With --yes: even where it hides alerts that are marked true.")
@_who
@places
def suppress(**options: Any) -> int:
    """Hide alerts by a rule, past and coming ones. All that is said must hold; it is tried before it is saved."""
    from cluster.suppressing import suppress as run

    return run(**options)


@alerts.command()
@places
def suppressions(**options: Any) -> int:
    """The rules that hide alerts."""
    from cluster.suppressing import suppressions as run

    return run(**options)


@alerts.command()
@click.argument("rule", type=click.IntRange(1, 2**31 - 1), metavar="RULE")
@_who
@places
def unsuppress(**options: Any) -> int:
    """Remove a rule; what it hid is shown again. With several stores --store says which."""
    from cluster.suppressing import unsuppress as run

    return run(**options)
