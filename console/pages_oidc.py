"""Signing in through an OpenID Connect provider."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.desk import Desk
from console.guard import OIDC_BACK, OIDC_BEGIN, set_cookie
from console.oidc import AwayError, Flow, OidcError, Provider
from console.pages_settings import back_to
from console.pages_signin import begun
from console.tickets import cookie_name, new_secret

FLOW_S = 600  # so long a browser may take to come back


def register(app: FastAPI, desk: Desk, provider: Provider) -> None:
    """Add these pages."""

    @app.get(OIDC_BEGIN, include_in_schema=False)
    def leave(request: Request) -> Response:
        flow, after = Flow(new_secret()), back_to(request.query_params.get("next", ""))
        try:
            there = provider.begin(flow, _back(request, desk))
        except AwayError as error:
            return _refused(request, desk, after, error)
        response = RedirectResponse(there, 303)
        _keep(response, desk, urlencode({"secret": flow.secret, "next": after}), FLOW_S)
        return response

    @app.get(OIDC_BACK, include_in_schema=False)
    def come_back(request: Request) -> Response:
        held = dict(parse_qsl(request.cookies.get(cookie_name("redshank_flow", desk.settings.https), "")))
        flow, after = Flow(held.get("secret") or new_secret()), back_to(held.get("next", ""))
        try:
            person = provider.end(flow, _back(request, desk), request.query_params)
            if desk.settings.people.user(person.name):
                raise OidcError(f"{person.name} is the name of a user with a password here")
        except OidcError as error:
            response = _refused(request, desk, after, error)
        else:
            response = begun(request, desk, person.name, after, person.role)
        _keep(response, desk, "", 0)
        return response


def _back(request: Request, desk: Desk) -> str:
    """Where the provider sends the browser back to; the guard has seen that the host is one of ours."""
    return f"{'https' if desk.settings.https else 'http'}://{request.headers['host']}{OIDC_BACK}"


def _keep(response: Response, desk: Desk, value: str, seconds: int) -> None:
    cookie = set_cookie("redshank_flow", value, desk.settings.https, seconds)
    response.headers.append("Set-Cookie", cookie)


def _refused(request: Request, desk: Desk, after: str, error: OidcError) -> Response:
    """Whoever has a password here can go on with it."""
    status = 503 if isinstance(error, AwayError) else 403
    return desk.page(request, "signin.html", status, after=after, wrong=str(error), typed="")
