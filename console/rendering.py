"""Pages from templates: everything that comes from outside is escaped, there is no other way to write a page."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from alerts.alert import Alert
from alerts.explaining_evidence import amount
from alerts.output import is_open, plain, short_id, told, who
from console.guard import Visit, visit_of
from console.settings import Settings
from console.tickets import cookie_name
from console.words import LANGUAGES, Words, language_of, title_of, type_title

THEMES = ("auto", "light", "dark")
LONGEST = 300  # letters of a text in a list


def environment() -> Environment:
    """Templates, with what they may call."""
    made = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        asset=asset,
        url=url,
        entity_url=entity_url,
        who=named,
        told=lambda alert: cut(plain(told(alert))),
        is_open=is_open,
    )
    made.filters.update(
        moment=moment,
        plain=plain,
        cut=cut,
        amount=amount,
        short=lambda text: plain(short_id(text)),
        ago=ago,
    )
    return made


class Renderer:
    """Makes pages."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._environment = environment()

    def page(self, request: Request, name: str, status: int = 200, **values: Any) -> Response:
        """A whole page."""
        visit: Visit = visit_of(request)
        words = self.words(request)
        body = self._environment.get_template(name).render(
            t=words,
            language=words.language,
            languages=LANGUAGES,
            theme=self.theme(request),
            told=lambda alert: cut(words.told(alert)),
            type_title=lambda type_, title: type_title(type_, plain(title), words.language),
            title_of=lambda alert: title_of(alert, words.language),
            person=visit.person,
            ticket=visit.ticket,
            signs_in=visit.signs_in,
            oidc=self._settings.oidc,
            here=here(request),
            path=request.url.path,
            done=request.query_params.get("done", ""),
            **values,
        )
        return HTMLResponse(body, status)

    def words(self, request: Request) -> Words:
        """In the language that was chosen, or that the browser asks for."""
        chosen = request.cookies.get(cookie_name("redshank_language", self._settings.https), "")
        return Words(language_of(chosen, request.headers.get("accept-language", "")))

    def theme(self, request: Request) -> str:
        """Light or dark, where one was chosen."""
        chosen = request.cookies.get(cookie_name("redshank_theme", self._settings.https), "")
        return chosen if chosen in THEMES else "auto"


def here(request: Request) -> str:
    """The page's own address, to come back to."""
    query = [(k, v) for k, v in request.query_params.multi_items() if k not in ("done", "next")]
    return url(quote(request.scope["path"]), dict(query))


def url(path: str, query: dict[str, str] | None = None, **more: str | None) -> str:
    """An address with a query; None leaves a part out."""
    said = {key: value for key, value in {**(query or {}), **more}.items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


def entity_url(alert: Alert) -> str:
    """The page of whom it is about."""
    return url("/entity", id=alert.entity.id)


@cache
def asset(name: str) -> str:
    """A file of ours, under a name that changes with it: browsers may keep it for ever."""
    body = (files("console") / "static" / name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(body).hexdigest()[:12]}"


def named(alert: Alert) -> str:
    """Whom it is about, for a list."""
    return cut(plain(who(alert)), 120)


def cut(text: str, most: int = LONGEST) -> str:
    """No longer than that."""
    return text if len(text) <= most else text[: most - 1] + "…"


def moment(value: str | datetime | None, seconds: bool = False) -> str:
    """A time for people, in UTC."""
    if value is None:
        return "–"
    said = value if isinstance(value, str) else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return plain(said[: 19 if seconds else 16].replace("T", " "))


def ago(seconds: float | None) -> str:
    """A duration for people.

    >>> ago(3), ago(150), ago(7_300), ago(200_000)
    ('3 s', '2.5 min', '2 h', '2.3 d')
    """
    if seconds is None:
        return "–"
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if abs(seconds) >= size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds:.0f} s"
