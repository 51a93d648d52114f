"""The incidents: a list, and one with its story, its time line and its graph; the same for programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, FastAPI, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alerts.incident import tell
from alerts.store.incidents import Listed, ids, latest_id, one_incident, was
from alerts.store.store import Stored
from alerts.store.together import everything
from alerts.work import Filter
from console import countries
from console.api import router_of
from console.charts import stamp
from console.desk import Desk, NotFoundError
from console.graph import HEADINGS, GraphPicture, timeline

MOST_ALERTS = 200  # on the page of one
MOST = 40  # on a page of the list
DAYS = (7, 30, 90, 365)


def register(app: FastAPI, desk: Desk) -> None:
    """Add these pages."""

    @app.get("/incidents", include_in_schema=False)
    def incidents(request: Request) -> Response:
        said = request.query_params.get("days", "")
        days = int(said) if said in map(str, DAYS) else DAYS[1]
        found = _listed(desk, days, MOST)
        return desk.page(
            request, "incidents.html", found=found, days=days, spans=DAYS, full=len(found) == MOST
        )

    @app.get("/incidents/{id_}", include_in_schema=False)
    def incident(request: Request, id_: str) -> Response:
        if (now := latest_id(desk.stores, id_)) != id_:
            return RedirectResponse(f"/incidents/{quote(now)}", 303)
        asked = Filter(incident=id_, order="oldest", hidden=True)
        rows, more = everything(desk.stores, asked, MOST_ALERTS)
        if not rows:
            raise NotFoundError("There is no such incident.")
        return _incident(request, desk, rows, more)

    router = router_of("/api/v1/incidents", "incidents")
    _for_programs(router, desk)
    app.include_router(router)


def _for_programs(router: APIRouter, desk: Desk) -> None:
    @router.get("")
    def listed(
        days: Annotated[int, Query(ge=1, le=3_650)] = 30, limit: Annotated[int, Query(ge=1, le=200)] = MOST
    ) -> list[dict[str, Any]]:
        """Incidents of more than one alert that had one in the last days, the newest first, whole."""
        return [_out(one) for one in _listed(desk, days, limit)]

    @router.get("/{id_}")
    def one(id_: str) -> dict[str, Any]:
        """One, with its story and its graph; the id of one that became part of it leads to it."""
        found = one_incident(desk.stores, id_)
        if found is None:
            raise NotFoundError("There is no such incident.")
        return _out(found)


def _out(found: Listed) -> dict[str, Any]:
    return {**msgspec.to_builtins(found.incident), "left_out": found.left}


def _listed(desk: Desk, days: int, most: int) -> list[Listed]:
    since = stamp(desk.now() - timedelta(days=days))
    named = ids(desk.stores, since, None, most, least=2)
    return [one for id_ in named if (one := one_incident(desk.stores, id_)) is not None]


def _incident(request: Request, desk: Desk, rows: list[Stored], more: bool) -> Response:
    words = desk.words(request)
    rows.sort(key=lambda row: (row.alert.first_seen, row.alert.id))
    alerts = [row.alert for row in rows]
    incident = tell(alerts)
    incident.was = was(desk.stores, incident.id)
    graph = GraphPicture(incident.graph)
    more_words = words("and {number} more", number="{number}")
    return desk.page(
        request,
        "incident.html",
        incident=incident,
        rows_found=rows,
        more=more,
        entities=len({one.entity.id.lower() for one in alerts}),
        countries=(places := countries.countries(alerts)),
        world=countries.draw(places, words("Where its addresses are"), words.language),
        timeline=timeline(alerts, words("What happened when"), more_words),
        graph=graph.draw(
            words("Who is connected with whom"), [words(heading) for heading in HEADINGS], more_words
        )
        if graph.worth_it
        else None,
    )
