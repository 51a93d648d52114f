"""`redshank alerts suppress` and its kin: rules that hide alerts, tried before they are saved."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import click

from alerts.alert import Alert
from alerts.output import plain
from alerts.store.store import AlertStore, Trial
from alerts.work import Scope, matches, named
from cluster.asked import known_type, moment, now, stamp
from cluster.working import doer, stores
from detections.words import counted

# What evidence calls those whom a rule may name.
NAMES = {
    "principal": frozenset({"object_id", "principal"}),
    "address": frozenset({"address", "peer"}),
    "application": frozenset({"application"}),
}


def suppress(
    type_: str | None,
    expires: str | None,
    reason: str,
    yes: bool,
    force: bool,
    who: str | None,
    config: Path | None,
    store: str | None,
    **said: Any,
) -> int:
    """Try a rule on what is there, ask, and save it in every store that is meant."""
    scope = _scope(type_, said)
    until, by = deadline(expires), doer(who)
    with stores(config, store) as found:
        return 0 if saved(found, scope, until, reason, by, yes, force) else 1


def deadline(expires: str | None) -> str | None:
    """When it is over. Raises BadParameter for what is over already."""
    until = moment(expires, "--expires", 1)
    if until is not None and until <= stamp(now()):
        raise click.BadParameter(f"{expires!r}: is over already", param_hint="--expires")
    return until


def saved(
    found: list[AlertStore], scope: Scope, until: str | None, reason: str, by: str, yes: bool, force: bool
) -> bool:
    """Try a rule, ask, and save it; whether it was saved."""
    trials = [one.try_rule(scope) for one in found]
    if not _wanted(trials, yes, force):
        click.echo("Nothing was saved.")
        return False
    for one in found:
        rule, hidden = one.suppress(scope, until, reason, by, stamp(now()))
        click.echo(f"rule {rule}: {counted(hidden, 'alert')} hidden" + (f", until {until}" if until else ""))
    return True


def scope_of(alert: Alert, said: tuple[str, ...]) -> Scope:
    """What an alert's like has in common with it. Raises BadParameter where the alert does not say what is meant."""
    values: dict[str, str] = {}
    for one in said:
        name, _, value = one.partition("=")
        name, value = name.strip().lower(), value.strip()
        if name not in Scope.__struct_fields__:
            raise click.BadParameter(
                f"{one!r}: {', '.join(Scope.__struct_fields__)} were expected", param_hint="--scope"
            )
        values[name] = value or _only(alert, name)
    scope = Scope(**values)
    if not matches(scope, alert):
        raise click.BadParameter(f"{scope}: the alert itself is not of that kind", param_hint="--scope")
    return scope


def _only(alert: Alert, name: str) -> str:
    """The one value that an alert has of that name."""
    if name in ("type", "entity"):
        return alert.type if name == "type" else alert.entity.id
    if name == "principal" and alert.entity.kind == "principal":
        return alert.entity.id
    found = sorted(named(alert.evidence, NAMES[name]))
    if len(found) != 1:
        many = (
            f"the alert names several: {', '.join(map(plain, found[:5]))}"
            if found
            else "the alert names none"
        )
        hint = f"; say which: --scope {name}={plain(found[0])}" if found else ""
        raise click.BadParameter(f"{name}: {many}{hint}", param_hint="--scope")
    return found[0]


def _scope(type_: str | None, said: dict[str, str | None]) -> Scope:
    for name, value in said.items():
        if value is not None and not value.strip():
            raise click.BadParameter("must not be empty", param_hint=f"--{name}")
    if (address := said["address"]) is not None:
        try:
            said["address"] = str(ipaddress.ip_address(address.strip()))
        except ValueError:
            raise click.BadParameter(
                f"{address!r}: an address was expected", param_hint="--address"
            ) from None
    scope = Scope(type=known_type(type_), **said)
    if scope == Scope():
        raise click.UsageError(
            "what is to be hidden? --type, --entity, --principal, --address or --application"
        )
    return scope


def _wanted(trials: list[Trial], yes: bool, force: bool) -> bool:
    hidden, true = sum(len(one.ids) for one in trials), sum(one.marked_true for one in trials)
    click.echo(f"would have hidden {hidden:,}, {true:,} of them marked true")
    if not yes:
        return click.confirm("Save the rule?", default=False)
    if true and not force:
        raise click.UsageError("it hides alerts that are marked true: leave --yes out, or add --force")
    return True


def suppressions(config: Path | None, store: str | None) -> int:
    """Every rule in a line."""
    at, lines = stamp(now()), 0
    with stores(config, store) as found:
        for one in found:
            for rule in one.rules():
                until = f", until {rule.expires}" if rule.expires else ""
                over = "" if rule.holds(at) else " (over)"
                reason = f": {plain(rule.reason)}" if rule.reason else ""
                click.echo(
                    f"{rule.id}  {plain(str(rule.scope))}{until}{over}, by {plain(rule.who)} {rule.made}{reason}"
                )
                lines += 1
    if not lines:
        click.echo("There are no rules.")
    return 0


def unsuppress(rule: int, who: str | None, config: Path | None, store: str | None) -> int:
    """Remove a rule."""
    with stores(config, store) as found:
        if len(found) > 1:
            raise click.UsageError("there are several stores: say with --store which has the rule")
        shown = found[0].unsuppress(rule, doer(who), stamp(now()))
    if shown is None:
        raise click.BadParameter(
            f"{rule}: no such rule; `redshank alerts suppressions` lists them", param_hint="RULE"
        )
    click.echo(f"rule {rule}: removed; it had hidden {counted(shown, 'alert')}")
    return 0
