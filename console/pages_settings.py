"""Language and light: what a browser remembers."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.desk import Desk
from console.guard import set_cookie
from console.rendering import THEMES
from console.words import LANGUAGES

YEAR_S = 365 * 86_400


def register(app: FastAPI, desk: Desk) -> None:
    """Add them."""

    @app.post("/settings", include_in_schema=False)
    def settings(request: Request) -> Response:
        form = desk.form(request)
        response = RedirectResponse(back_to(form.get("back", "")), 303)
        for name, known in (("language", tuple(LANGUAGES)), ("theme", THEMES)):
            if form.get(name) in known:
                value = set_cookie(f"redshank_{name}", form[name], desk.settings.https, YEAR_S)
                response.headers.append("Set-Cookie", value)
        return response


def back_to(said: str) -> str:
    r"""A page of ours, whatever somebody has put there.

    >>> back_to("/alerts?type=x"), back_to("//evil.example"), back_to("/\\evil.example"), back_to("https://evil.example")
    ('/alerts?type=x', '/', '/', '/')
    """
    ours = said.startswith("/") and said[1:2] not in ("/", "\\") and said.isprintable() and len(said) < 4_000
    return said if ours else "/"
