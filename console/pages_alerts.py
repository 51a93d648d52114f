"""The list of alerts, the page of one, and the work on it."""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alerts.store.store import AlertStore, Stored
from alerts.store.together import one_alert
from alerts.work import ORDERS, STATES, Filter, State
from cluster.asked import stamp
from console.about import about
from console.asking import AskedError, filter_of, key_text, listed, plain_query
from console.desk import Desk, NotFoundError, WrongError, needs
from console.rendering import url
from detections.catalogue import CATALOGUE
from detections.declare import SEVERITIES

MOST_HIDDEN = 1_000  # that are counted
LONGEST = 10_000  # letters that a person may write


def register(app: FastAPI, desk: Desk) -> None:
    """Add these pages."""

    @app.get("/alerts", include_in_schema=False)
    def alerts(request: Request) -> Response:
        query = plain_query(request.query_params)
        if any(not value.strip() for value in request.query_params.values()):
            return RedirectResponse(url("/alerts", query), 303)  # a form sends what is empty too
        return _list(request, desk, query)

    @app.get("/alerts/{id_}", include_in_schema=False)
    def alert(request: Request, id_: str) -> Response:
        place, row = found(desk, id_)
        return desk.page(request, "alert.html", about=about(desk.stores, place, row, desk.words(request)))

    @app.post("/alerts/{id_}/{what}", include_in_schema=False)
    def work(request: Request, id_: str, what: str) -> Response:
        person, form = needs(request, "analyst"), desk.form(request)
        place, row = found(desk, id_)
        done = _do(desk, place, row, what, form, person.name)
        return RedirectResponse(url(f"/alerts/{row.alert.id}", done=done) + "#work", 303)


def found(desk: Desk, id_: str) -> tuple[AlertStore, Stored]:
    """An alert and its store. Raises NotFoundError."""
    hit = one_alert(desk.stores, id_)
    if hit is None:
        raise NotFoundError("There is no alert with this id. It may be older than alerts are kept.")
    return hit


def _list(request: Request, desk: Desk, query: dict[str, str]) -> Response:
    wrong, asked = "", Filter()
    rows: list[Stored] = []
    following, searched_to, hidden = None, None, 0
    try:
        asked = filter_of(query)
        shown = listed(desk.stores, asked)
        rows, searched_to = shown.rows, shown.searched_to
        following = None if shown.next is None else url("/alerts", {**query, "after": key_text(shown.next)})
        if not asked.hidden and asked.text is None:
            hidden = sum(one.suppressed(asked, MOST_HIDDEN) for one in desk.stores)
    except AskedError as error:
        wrong = str(error)
    return desk.page(
        request,
        "alerts.html",
        400 if wrong else 200,
        query=query,
        found=rows,
        first=url("/alerts", {k: v for k, v in query.items() if k != "after"}),
        following=following,
        searched_to=searched_to,
        hidden=f"{hidden:,}" + "+" * (hidden >= MOST_HIDDEN) if hidden else "",
        wrong=wrong,
        types=CATALOGUE,
        severities=list(reversed(SEVERITIES)),
        states=STATES,
        orders=ORDERS,
    )


def _do(desk: Desk, place: AlertStore, row: Stored, what: str, form: dict[str, str], who: str) -> str:
    """Do it; the name of what is said afterwards."""
    id_, now = row.alert.id, stamp(desk.now())
    match what:
        case "mark":
            state = form.get("state")
            if state in STATES:
                place.mark(id_, cast(State, state), written(form, "reason"), who, now)
                return f"marked_{state}"
        case "assign":
            to = written(form, "to").strip()
            place.assign(id_, to, who, now)
            return "assigned" if to else "unassigned"
        case "note":
            if not (text := written(form, "text").strip()):
                raise WrongError("A note must say something.")
            place.note(id_, text, who, now)
            return "noted"
        case "step":
            if (text := form.get("text", "")) in row.alert.remediation:
                place.step(id_, text, form.get("done") == "1", who, now)
                return "step"
    raise WrongError("This is nothing that can be done to an alert.")


def written(form: dict[str, str], name: str) -> str:
    """What somebody has written. Raises WrongError where it is too long."""
    said = form.get(name, "").replace("\0", "\ufffd").replace("\r\n", "\n")
    if len(said) > LONGEST:
        raise WrongError(f"More than {LONGEST:,} letters.")
    return said
