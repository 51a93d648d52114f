"""The REST API: what the pages show and do, for programs with a token. `/api/v1/openapi.json` describes it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, FastAPI, Query, Security
from fastapi.security import HTTPBearer
from pydantic import AfterValidator, BaseModel, Field
from starlette.requests import Request

from alerts.store.store import AlertStore, Stored
from alerts.store.together import one_alert
from cluster.asked import stamp
from console.asking import FIELDS, AskedError, filter_of, key_text, listed
from console.desk import Desk, NotFoundError, WrongError, needs
from console.pages_rules import expires_of, scope_of
from detections.catalogue import CATALOGUE
from detections.page import learning_text

MOST = 500
Said = Annotated[
    str, AfterValidator(lambda said: said.replace("\0", "\ufffd"))
]  # no store has a text with it
Text = Annotated[Said, Field(max_length=10_000)]


class FaultOut(BaseModel):
    """Why it was not done, in a line."""

    detail: str


FAULTS: dict[int | str, dict[str, Any]] = {
    status: {"model": FaultOut, "description": why}
    for status, why in {
        400: "what is asked for can't be understood or done",
        401: "no token, or none that holds",
        403: "a role that may not, or a request from another site",
        404: "there is no such thing",
        413: "too much at once",
        415: "not sent as JSON",
        421: "called by a name that is none of the console's",
        422: "a value of another kind was expected",
        503: "the store can't be used now",
    }.items()
}


class Work(BaseModel):
    """What people said of an alert."""

    state: Literal["open", "true", "benign"]
    assignee: str | None
    rule: int | None = Field(description="the rule that hides it")


class AlertOut(BaseModel):
    """An alert, and the work on it."""

    alert: dict[str, Any] = Field(description="as it stands in alerts.jsonl")
    work: Work


class AlertsOut(BaseModel):
    """A page of alerts."""

    alerts: list[AlertOut]
    after: str | None = Field(description="ask with it for what follows; null at the end")
    searched_to: str | None = Field(
        description="a search for text has looked back to here and goes on with `after`"
    )


class ChangeOut(BaseModel):
    """A line of the history."""

    at: str
    who: str
    what: str
    detail: str


class MarkIn(BaseModel):
    """Whether an alert is true."""

    state: Literal["open", "true", "benign"]
    reason: Text = ""


class AssignIn(BaseModel):
    """Who looks after it; '' takes it from them."""

    to: Annotated[Said, Field(max_length=200)]


class NoteIn(BaseModel):
    """What is to be written down."""

    text: Annotated[Said, Field(min_length=1, max_length=10_000)]


class RuleIn(BaseModel):
    """What is to be hidden: all that is said must hold."""

    type: Said | None = None
    entity: Said | None = None
    principal: Said | None = None
    address: Said | None = None
    application: Said | None = None
    expires: Said | None = Field(None, description="a date, a time, or how long from now: 30d")
    reason: Text = ""
    force: bool = Field(False, description="even where it hides alerts that are marked true (role admin)")


class TrialOut(BaseModel):
    """What a rule hides of what is there."""

    hides: int
    marked_true: int


class RuleOut(BaseModel):
    """A rule that was saved, in each store."""

    rules: list[int]
    hidden: int


class DetectionOut(BaseModel):
    """A detection."""

    type: str
    title: str
    severity: str
    layer: str
    learning: str
    mode: str | None = Field(description="on, shadow or off; null where no configuration was given")


def router_of(prefix: str, tag: str) -> APIRouter:
    """For programs: its description says that they need a token, and what may go wrong."""
    # The guard has checked the token before; this tells OpenAPI of it.
    bearer = Security(
        HTTPBearer(auto_error=False, description="`redshank console token add NAME` makes a token")
    )
    return APIRouter(prefix=prefix, dependencies=[bearer], tags=[tag], responses=FAULTS)


def register(app: FastAPI, desk: Desk) -> None:
    """Add it."""
    router = router_of("/api/v1", "alerts")
    _reading(router, desk)
    _working(router, desk)
    _rules(router, desk)
    app.include_router(router)


def _reading(router: APIRouter, desk: Desk) -> None:
    @router.get("/alerts")
    def alerts(
        request: Request,
        type: str | None = None,  # noqa: A002
        severity: str | None = None,
        state: str | None = None,
        entity: str | None = None,
        text: str | None = None,
        incident: str | None = None,
        since: Annotated[str | None, Query(description="a date, a time, or how long ago: 7d")] = None,
        until: str | None = None,
        order: str | None = None,
        all: Annotated[str | None, Query(description="1: hidden and withdrawn ones too")] = None,  # noqa: A002
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> AlertsOut:
        """Alerts, newest first, a page at a time."""
        query = {name: request.query_params.get(name, "") for name in FIELDS}
        try:
            found = listed(desk.stores, filter_of(query, limit))
        except AskedError as error:
            raise WrongError(str(error)) from None
        after_text = None if found.next is None else key_text(found.next)
        return AlertsOut(
            alerts=[_out(row) for row in found.rows], after=after_text, searched_to=found.searched_to
        )

    @router.get("/alerts/{id_}")
    def alert(id_: str) -> AlertOut:
        """One alert."""
        return _out(_found(desk, id_)[1])

    @router.get("/alerts/{id_}/history")
    def history(id_: str) -> list[ChangeOut]:
        """Who did what to it, oldest first."""
        place, row = _found(desk, id_)
        return [ChangeOut(**one._asdict()) for one in place.history(row.alert.id)]

    @router.get("/detections", tags=["detections"])
    def detections() -> list[DetectionOut]:
        """Every detection."""
        modes = desk.settings.detections or {}
        return [
            DetectionOut(
                type=one.type,
                title=one.title,
                severity=one.severity,
                layer=one.layer,
                learning=learning_text(one),
                mode=modes[one.type].mode if one.type in modes else None,
            )
            for one in CATALOGUE.values()
        ]


def _working(router: APIRouter, desk: Desk) -> None:
    @router.post("/alerts/{id_}/mark")
    def mark(request: Request, id_: str, said: MarkIn) -> AlertOut:
        """Say whether it is true (role analyst)."""
        person, (place, row) = needs(request, "analyst"), _found(desk, id_)
        place.mark(row.alert.id, said.state, said.reason, person.name, stamp(desk.now()))
        return _out(_found(desk, id_)[1])

    @router.post("/alerts/{id_}/assign")
    def assign(request: Request, id_: str, said: AssignIn) -> AlertOut:
        """Give it to somebody (role analyst)."""
        person, (place, row) = needs(request, "analyst"), _found(desk, id_)
        place.assign(row.alert.id, said.to.strip(), person.name, stamp(desk.now()))
        return _out(_found(desk, id_)[1])

    @router.post("/alerts/{id_}/note")
    def note(request: Request, id_: str, said: NoteIn) -> AlertOut:
        """Write something down about it (role analyst)."""
        person, (place, row) = needs(request, "analyst"), _found(desk, id_)
        if not said.text.strip():
            raise WrongError("A note must say something.")
        place.note(row.alert.id, said.text, person.name, stamp(desk.now()))
        return _out(_found(desk, id_)[1])


def _rules(router: APIRouter, desk: Desk) -> None:
    @router.post("/rules/trial", tags=["rules"])
    def trial(request: Request, said: RuleIn) -> TrialOut:
        """What a rule would hide; nothing is changed (role analyst)."""
        needs(request, "analyst")
        return _trial(desk, said)

    @router.post("/rules", status_code=201, tags=["rules"])
    def suppress(request: Request, said: RuleIn) -> RuleOut:
        """Save a rule (role analyst; admin where it hides alerts that are marked true)."""
        person = needs(request, "analyst")
        scope, expires = scope_of(_scope(said)), expires_of(desk, said.expires or "")
        if _trial(desk, said).marked_true:
            needs(request, "admin")
            if not said.force:
                raise WrongError("It hides alerts that are marked true: say force where that is meant.")
        done = [
            one.suppress(scope, expires, said.reason, person.name, stamp(desk.now())) for one in desk.stores
        ]
        return RuleOut(rules=[rule for rule, _ in done], hidden=sum(hidden for _, hidden in done))


def _scope(said: RuleIn) -> dict[str, str]:
    return {name: value for name, value in said.model_dump().items() if isinstance(value, str)}


def _trial(desk: Desk, said: RuleIn) -> TrialOut:
    scope = scope_of(_scope(said))
    trials = [one.try_rule(scope) for one in desk.stores]
    return TrialOut(
        hides=sum(len(one.ids) for one in trials), marked_true=sum(one.marked_true for one in trials)
    )


def _found(desk: Desk, id_: str) -> tuple[AlertStore, Stored]:
    hit = one_alert(desk.stores, id_)
    if hit is None:
        raise NotFoundError("There is no alert with this id.")
    return hit


def _out(row: Stored) -> AlertOut:
    work = Work.model_validate({"state": row.state, "assignee": row.assignee, "rule": row.rule})
    return AlertOut(alert=msgspec.to_builtins(row.alert), work=work)
