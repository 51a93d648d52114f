"""Signing in and out."""

from __future__ import annotations

import time
from datetime import timedelta

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from alerts.store.people import Role
from cluster.asked import stamp
from console.desk import Desk
from console.guard import set_cookie, visit_of
from console.pages_settings import back_to
from console.passwords import Throttle, keys_of, matches
from console.tickets import SESSION_HOURS, digest, new_secret

LONGEST_NAME = 100


def register(app: FastAPI, desk: Desk) -> None:
    """Add these pages."""
    throttle = Throttle()

    @app.get("/signin", include_in_schema=False)
    def ask(request: Request) -> Response:
        visit = visit_of(request)
        after = back_to(request.query_params.get("next", ""))
        if visit.person is not None:
            return RedirectResponse(after, 303)
        return desk.page(request, "signin.html", after=after, wrong="", typed="")

    @app.post("/signin", include_in_schema=False)
    def sign_in(request: Request) -> Response:
        form = desk.form(request)
        name, after = form.get("name", "").strip()[:LONGEST_NAME], back_to(form.get("next", ""))
        address = request.client.host if request.client else ""
        keys = keys_of(name, address)
        wait_s = throttle.wait_s(keys, time.monotonic())
        words = desk.words(request)
        if wait_s > 0:
            wrong = words("Too many wrong tries: wait {seconds} seconds.", seconds=int(wait_s) + 1)
            response = desk.page(request, "signin.html", 429, after=after, wrong=wrong, typed=name)
            response.headers["Retry-After"] = str(int(wait_s) + 1)
            return response
        throttle.wrong(
            keys, time.monotonic()
        )  # until it is known to be right: many at once are no way around
        user = desk.settings.people.user(name)
        if not matches(user.secret if user else None, form.get("password", "")) or user is None:
            wrong = words("Name or password is wrong.")
            return desk.page(request, "signin.html", 401, after=after, wrong=wrong, typed=name)
        throttle.right(keys)
        return begun(request, desk, user.name, after)

    @app.post("/signout", include_in_schema=False)
    def sign_out(request: Request) -> Response:
        visit = visit_of(request)
        if visit.session:
            desk.settings.people.end(digest(visit.session))
        response = RedirectResponse("/signin", 303)
        response.headers.append("Set-Cookie", set_cookie("redshank_session", "", desk.settings.https, 0))
        return response


def begun(request: Request, desk: Desk, name: str, after: str, role: Role | None = None) -> Response:
    """A new session, never one that the browser brought along; the old one ends. `role`: of who is no user here."""
    people, now, https = desk.settings.people, desk.now(), desk.settings.https
    if old := visit_of(request).session:
        people.end(digest(old))
    secret = new_secret()
    people.begin(digest(secret), name, stamp(now + timedelta(hours=SESSION_HOURS)), stamp(now), role)
    response = RedirectResponse(after, 303)
    cookie = set_cookie("redshank_session", secret, https, SESSION_HOURS * 3_600)
    response.headers.append("Set-Cookie", cookie)
    return response
