"""What every request passes first: whose name it calls us by, who asks, and whether a form comes from our own page.

Whatever is not named here as open to all needs somebody who has signed in: a page that forgets to ask is closed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.store.opening import AlertStoreError
from alerts.store.people import Person
from console.settings import Settings
from console.tickets import Tickets, cookie_name, digest, new_secret

MOST_OCTETS = 64 << 10  # of a request's body
MOST_FIELDS = 50
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
OIDC_BEGIN, OIDC_BACK = "/signin/oidc", "/signin/oidc/back"
OPEN = ("/signin", "/settings", OIDC_BEGIN, OIDC_BACK)  # beside /static/
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True)
class Visit:
    """Who asks, and what their forms must bring along."""

    person: Person | None
    browser: str
    session: str
    ticket: str
    signs_in: bool  # whether there are users at all
    form: dict[str, str]


class RefusedError(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Guard:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, tickets: Tickets) -> None:
        self._app, self._settings, self._tickets = app, settings, tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = _cookies(headers)
        browser = cookies.get(self._name("redshank_browser"), "")
        fresh = "" if browser else new_secret()
        send = self._with_headers(scope, send, fresh)
        try:
            self._check_host(headers)
            _check_letters(scope)
            body = await _body(headers, receive)
            visit = await anyio.to_thread.run_sync(
                lambda: self._visit(scope, headers, cookies, browser or fresh, body)
            )
        except RefusedError as refused:
            await _refusal(scope, refused)(scope, receive, send)
            return
        except AlertStoreError as error:
            await _refusal(scope, RefusedError(503, str(error)))(scope, receive, send)
            return
        scope.setdefault("state", {})["visit"] = visit
        if visit.person is None and not _is_open(scope["path"]):
            await self._sign_in_first(scope)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _name(self, name: str) -> str:
        return cookie_name(name, self._settings.https)

    # Who asks

    def _check_host(self, headers: Headers) -> None:
        """A page of another site that has its own name lead here (DNS rebinding) calls us by that name."""
        host = _host_name(headers.get("host", ""))
        if host in LOCAL or host in self._settings.hosts:
            return
        if not self._settings.loopback and _is_address(host):  # an address can't be rebound
            return
        raise RefusedError(421, f"{host[:100]!r} is none of this console's names: add it to [console] hosts")

    def _visit(
        self, scope: Scope, headers: Headers, cookies: dict[str, str], browser: str, body: bytes
    ) -> Visit:
        session = cookies.get(self._name("redshank_session"), "")
        signs_in = self._settings.oidc is not None or self._settings.people.any()
        visit = Visit(None, browser, session, self._tickets.of(browser, session), signs_in, {})
        visit.person = self._person(scope, headers, visit)
        if scope["method"] not in ("GET", "HEAD"):
            _check_origin(headers)
            if scope["path"].startswith("/api/"):
                _check_json(headers)
            else:
                visit.form = _form(headers, body)
                if not self._tickets.holds(visit.form.get("ticket", ""), browser, session):
                    raise RefusedError(
                        403, "this form is not from here, or too old: go back and load the page again"
                    )
        return visit

    def _person(self, scope: Scope, headers: Headers, visit: Visit) -> Person | None:
        if not visit.signs_in:
            if not self._settings.loopback:
                raise RefusedError(
                    403, "there are no users any more: `redshank console user add NAME` makes one"
                )
            return Person(self._settings.local_name, "admin")
        now = self._settings.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        people = self._settings.people
        if scope["path"].startswith("/api/"):
            kind, _, token = headers.get("authorization", "").partition(" ")
            return people.of_token(digest(token.strip()), now) if kind.lower() == "bearer" else None
        if not visit.session:
            return None
        return people.of_session(digest(visit.session), now, vouched=self._settings.oidc is not None)

    def _sign_in_first(self, scope: Scope) -> Response:
        if scope["path"].startswith("/api/"):
            return JSONResponse(
                {"detail": "a token was expected: Authorization: Bearer TOKEN"},
                401,
                {"WWW-Authenticate": "Bearer"},
            )
        if scope["path"] == "/events":
            return PlainTextResponse("signed out", 401)
        if scope["method"] != "GET":
            return RedirectResponse("/signin", 303)
        asked = scope["path"] + (
            "?" + scope["query_string"].decode("latin-1") if scope["query_string"] else ""
        )
        return RedirectResponse("/signin?next=" + quote(asked, safe=""), 303)

    # What every answer says

    def _with_headers(self, scope: Scope, send: Send, fresh: str) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers[name] = value
                if self._settings.https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
                    if fresh:
                        headers.append(
                            "Set-Cookie", set_cookie("redshank_browser", fresh, self._settings.https)
                        )
            await send(message)

        return sent


def set_cookie(name: str, value: str, https: bool, seconds: int | None = None, seen: bool = False) -> str:
    """The header's value; `seen`: for scripts of ours to see."""
    parts = [f"{cookie_name(name, https)}={value}", "Path=/", "SameSite=Lax"]
    parts += ([] if seen else ["HttpOnly"]) + (["Secure"] if https else [])
    return "; ".join(parts + ([] if seconds is None else [f"Max-Age={seconds}"]))


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static/")


def _host_name(said: str) -> str:
    try:
        return (urlsplit(f"//{said}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _check_letters(scope: Scope) -> None:
    """No store has a text with it."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise RefusedError(400, "the address has the letter NUL, which no name has")


def _check_origin(headers: Headers) -> None:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    elsewhere = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if elsewhere or site in ("cross-site", "same-site"):
        raise RefusedError(403, "this request comes from another site")


def _check_json(headers: Headers) -> None:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "Content-Type: application/json was expected")


def _form(headers: Headers, body: bytes) -> dict[str, str]:
    if (
        headers.get("content-type", "").partition(";")[0].strip().lower()
        != "application/x-www-form-urlencoded"
    ):
        raise RefusedError(415, "a form was expected")
    try:
        said = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise RefusedError(400, "this is no form of ours") from None
    return dict(said)


async def _body(headers: Headers, receive: Receive) -> bytes:
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MOST_OCTETS:
        raise RefusedError(413, f"more than {MOST_OCTETS:,} octets")
    if not length and "transfer-encoding" not in headers:
        return b""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += bytes(message.get("body", b""))
        if len(body) > MOST_OCTETS:
            raise RefusedError(413, f"more than {MOST_OCTETS:,} octets")
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more; after it what comes, which is the news that the client has gone."""
    told = False

    async def received() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _refusal(scope: Scope, refused: RefusedError) -> Response:
    if scope["path"].startswith("/api/"):
        return JSONResponse({"detail": refused.why}, refused.status)
    return PlainTextResponse(f"Redshank: {refused.why}\n", refused.status)


def visit_of(request: Any) -> Visit:
    """Who asks."""
    found: Visit = request.scope["state"]["visit"]
    return found
