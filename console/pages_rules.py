"""Rules that hide alerts: tried on what is there, then saved."""

from __future__ import annotations

import ipaddress

import click
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alerts.store.store import Stored
from alerts.work import Scope
from cluster.asked import known_type, moment, stamp
from console.desk import Desk, NotFoundError, WrongError, needs
from console.pages_alerts import written
from console.rendering import url

FIELDS = ("type", "entity", "principal", "address", "application")
SHOWN = 20
EXPIRES = ("7d", "30d", "90d", "365d")


def register(app: FastAPI, desk: Desk) -> None:
    """Add these pages."""

    @app.get("/rules", include_in_schema=False)
    def rules(request: Request) -> Response:
        now = stamp(desk.now())
        found = [
            (number, rule, rule.holds(now)) for number, one in enumerate(desk.stores) for rule in one.rules()
        ]
        return desk.page(request, "rules.html", rules=found, several=len(desk.stores) > 1)

    @app.get("/rules/new", include_in_schema=False)
    def try_rule(request: Request) -> Response:
        needs(request, "analyst")
        said = {
            name: request.query_params.get(name, "").strip()[:LONGEST]
            for name in (*FIELDS, "expires", "reason")
        }
        asked = {name: said[name] for name in FIELDS if said[name]}
        wrong, trial = "", None
        if asked:
            try:
                scope = scope_of(said)
                expires_of(desk, said["expires"])
                trial = _trial(desk, scope)
            except WrongError as error:
                wrong = str(error)
        return desk.page(
            request, "rule.html", 400 if wrong else 200,
            said=said, trial=trial, wrong=wrong, periods=EXPIRES,
        )  # fmt: skip

    @app.post("/rules", include_in_schema=False)
    def save(request: Request) -> Response:
        person, form = needs(request, "analyst"), desk.form(request)
        scope, expires = scope_of(form), expires_of(desk, form.get("expires", ""))
        reason = written(form, "reason")
        if any(one.try_rule(scope).marked_true for one in desk.stores):
            needs(request, "admin")
            if form.get("force") != "1":
                raise WrongError("It hides alerts that are marked true: go back, and say that this is meant.")
        for one in desk.stores:
            one.suppress(scope, expires, reason, person.name, stamp(desk.now()))
        return RedirectResponse(url("/rules", done="suppressed"), 303)

    @app.post("/rules/{store}/{rule}/remove", include_in_schema=False)
    def remove(request: Request, store: int, rule: int) -> Response:
        person = needs(request, "admin")
        if not 0 <= store < len(desk.stores) or not 0 < rule < 1 << 31:
            raise NotFoundError("There is no such rule.")
        if desk.stores[store].unsuppress(rule, person.name, stamp(desk.now())) is None:
            raise NotFoundError("There is no such rule any more.")
        return RedirectResponse(url("/rules", done="unsuppressed"), 303)


LONGEST = 2_000


class Tried:
    """What a rule would have hidden, with the first of them."""

    def __init__(self, number: int, marked_true: int, first: list[Stored]) -> None:
        self.number, self.marked_true, self.first = number, marked_true, first


def _trial(desk: Desk, scope: Scope) -> Tried:
    number = true = 0
    first: list[Stored] = []
    for one in desk.stores:
        trial = one.try_rule(scope)
        number, true = number + len(trial.ids), true + trial.marked_true
        first += [row for id_ in trial.ids[: SHOWN - len(first)] for row in one.find(id_, 1)]
    return Tried(number, true, first)


def scope_of(said: dict[str, str]) -> Scope:
    """What a rule is to hide. Raises WrongError."""
    values = {name: said[name].strip()[:LONGEST] for name in FIELDS if said.get(name, "").strip()}
    try:
        known_type(values.get("type"), "type")
        if address := values.get("address"):
            values["address"] = str(ipaddress.ip_address(address))
    except click.BadParameter as error:
        raise WrongError(error.message) from None
    except ValueError as error:
        raise WrongError(f"{error}: an address was expected.") from None
    if not values:
        raise WrongError(
            "What is to be hidden? A type, an entity, a principal, an address or an application."
        )
    return Scope(**values)


def expires_of(desk: Desk, said: str) -> str | None:
    """When a rule ends; None: never. Raises WrongError."""
    try:
        until = moment(said.strip() or None, "expires", 1)
    except click.BadParameter as error:
        raise WrongError(error.message) from None
    if until is not None and until <= stamp(desk.now()):
        raise WrongError(f"{said!r} is over already.")
    return until
