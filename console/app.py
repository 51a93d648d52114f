"""The console as an ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from alerts.store.opening import AlertStoreError
from console import (
    api,
    events,
    pages_alerts,
    pages_incidents,
    pages_overview,
    pages_rules,
    pages_settings,
    pages_signin,
)
from console.desk import Desk, WrongError
from console.guard import Guard
from console.settings import Settings
from console.tickets import Tickets


class _Assets(StaticFiles):
    """Files of ours: an address names their content, so a browser asks once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_app(settings: Settings) -> FastAPI:
    """All pages, behind the guard."""
    app = FastAPI(
        title="Redshank",
        version=version("redshank"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    desk = Desk(settings)
    for pages in (
        pages_overview,
        pages_alerts,
        pages_incidents,
        pages_rules,
        pages_settings,
        pages_signin,
        api,
        events,
    ):
        pages.register(app, desk)
    if settings.oidc is not None:
        from console import pages_oidc

        pages_oidc.register(app, desk, settings.oidc)
    app.mount("/static", _Assets(directory=str(files("console") / "static")))
    _faults(app, desk)
    app.add_middleware(Guard, settings=settings, tickets=Tickets())
    return app


def _faults(app: FastAPI, desk: Desk) -> None:
    """Whatever goes wrong is a page, or JSON for programs, with one line."""

    def told(request: Request, status: int, why: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": why}, status)
        return desk.page(request, "fault.html", status, number=status, why=why)

    @app.exception_handler(WrongError)
    def wrong(request: Request, error: WrongError) -> Response:
        return told(request, error.status, str(error))

    @app.exception_handler(AlertStoreError)
    def store(request: Request, error: AlertStoreError) -> Response:
        return told(request, 503, f"The store can't be used now: {error}")

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(one) for one in first["loc"])
        return told(request, 422, f"{where}: {first['msg']}")

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return told(
            request,
            error.status_code,
            "There is no such page." if error.status_code == 404 else str(error.detail),
        )
