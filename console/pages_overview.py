"""The overview, the detections, an entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fastapi import FastAPI
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from alerts.alert import Alert
from alerts.explaining_usual import usual_words
from alerts.store import counting
from alerts.store.counting import Count
from alerts.store.store import AlertStore
from alerts.work import STATES, Filter
from console import course
from console.asking import LIMIT, listed
from console.charts import Bin, binned, columns, small, stamp
from console.desk import Desk, NotFoundError
from console.settings import DetectionSetting, Health
from console.words import Words, title_of
from detections.catalogue import CATALOGUE
from detections.declare import SEVERITIES, Detection
from detections.page import LAYERS, learning_text, when_text

SPANS = {"1d": (1, 1), "7d": (7, 1), "30d": (30, 24), "90d": (90, 24)}  # days, and hours of a column
MOST_ID = 4_000
ENTITY_DAYS = 90
MOST_OF_ENTITY = 200  # alerts that its baselines are drawn from
COUNTED_DAYS = 30


def register(app: FastAPI, desk: Desk) -> None:
    """Add these pages."""

    @app.get("/", include_in_schema=False)
    def overview(request: Request) -> Response:
        words = desk.words(request)
        span = request.query_params.get("span", "7d")
        span = span if span in SPANS else "7d"
        days, hours = SPANS[span]
        window = _window(desk, desk.now(), days, hours)
        counts = _counted(desk.stores, window, hours)
        bins = binned(counts, window.since, window.until, hours)
        worst = Filter(
            severity="high", state="open", since=stamp(window.since), until=stamp(window.until), limit=5
        )
        return desk.page(
            request,
            "overview.html",
            span=span,
            spans=SPANS,
            window=window,
            since=stamp(window.since),
            until=stamp(window.until),
            chart=columns(bins, words("Alerts by severity"), words),
            severities=[(name, *_both(counts, name)) for name in reversed(SEVERITIES)],
            layers=[
                (name, *_layer(counts, layer, window, hours, words(name), words))
                for layer, name in LAYERS.items()
            ],
            worst=listed(desk.stores, worst).rows,
            health=desk.settings.health(),
        )

    @app.get("/detections", include_in_schema=False)
    def detections(request: Request) -> Response:
        window = _window(desk, desk.now(), COUNTED_DAYS, 24)
        counts = _by_type(desk.stores, window)
        health = desk.settings.health()
        rows = [
            (
                name,
                [
                    _row(d, desk.settings.detections, counts, health)
                    for d in CATALOGUE.values()
                    if d.layer == layer
                ],
            )
            for layer, name in LAYERS.items()
        ]
        known = desk.settings.detections is not None
        return desk.page(
            request, "detections.html", layers=rows, known=known, window=window, days=COUNTED_DAYS
        )

    @app.get("/entity", include_in_schema=False)
    def entity(request: Request) -> Response:
        id_ = request.query_params.get("id", "")
        if not id_ or len(id_) > MOST_ID:
            raise NotFoundError("An entity is named by its id: /entity?id=...")
        return _entity(request, desk, id_)


class Window(NamedTuple):
    """A span of time; `moved`: it ends with the newest alert, since there was none lately."""

    since: datetime
    until: datetime
    moved: bool


def _window(desk: Desk, now: datetime, days: int, hours: int, newest: str | None = None) -> Window:
    """So many days until now, or until the newest alert where that is older; ends are even."""
    newest = newest or max((found for one in desk.stores if (found := counting.newest(one))), default=None)
    end, moved = now, False
    if newest is not None:
        last = _time(newest)
        moved = last is not None and last < now - timedelta(days=days)
        end = last if moved and last is not None else now
    even = end.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    even += timedelta(hours=-even.hour % hours if hours < 24 else (24 - even.hour) % 24)
    return Window(even - timedelta(days=days), even, moved)


def _time(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _counted(
    stores: Sequence[AlertStore], window: Window, hours: int, entity: str | None = None
) -> list[Count]:
    width = counting.DAY if hours == 24 else counting.HOUR
    since, until = stamp(window.since), stamp(window.until)
    return [count for one in stores for count in counting.over_time(one, since, until, width, entity)]


def _by_type(stores: Sequence[AlertStore], window: Window) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for one in stores:
        found.update(counting.by_type(one, stamp(window.since), stamp(window.until)))
    return dict(found)


def _both(counts: Iterable[Count], severity: str) -> tuple[int, int]:
    """How many there are, and how many of them are open."""
    own = [one for one in counts if one.severity == severity]
    return sum(one.number for one in own), sum(one.number for one in own if one.open)


def _layer(
    counts: Iterable[Count], layer: str, window: Window, hours: int, title: str, words: Words
) -> tuple[int, Markup]:
    own = [one for one in counts if one.layer == layer]
    bins = binned(own, window.since, window.until, hours)
    return sum(one.total for one in bins), small(bins, title, words)


class Row(NamedTuple):
    """A detection, for its page."""

    detection: Detection
    mode: str  # '' where nobody knows
    learning: str
    learns_until: datetime | None
    when: str
    number: int
    true: int
    benign: int


def _row(
    detection: Detection, settings: object, counts: dict[tuple[str, str], int], health: Health | None
) -> Row:
    setting = settings.get(detection.type) if isinstance(settings, dict) else None
    return Row(
        detection=detection,
        mode=setting.mode if setting else "",
        learning=learning_text(detection),
        learns_until=_learns_until(detection, setting, health),
        when=when_text(detection),
        number=sum(counts.get((detection.type, state), 0) for state in STATES),
        true=counts.get((detection.type, "true"), 0),
        benign=counts.get((detection.type, "benign"), 0),
    )


def _learns_until(
    detection: Detection, setting: DetectionSetting | None, health: Health | None
) -> datetime | None:
    """Until when even an entity that was there from the beginning is still learned; None: it speaks."""
    if health is None or setting is None or setting.learning_days is None:
        return None
    since = health.known_since.get(detection.layer)
    if since is None:
        return None
    until = since + timedelta(days=setting.learning_days)
    return until if until > (health.watermark or health.at) else None


def _entity(request: Request, desk: Desk, id_: str) -> Response:
    found = listed(desk.stores, Filter(entity=id_, hidden=True, limit=MOST_OF_ENTITY))
    if not found.rows:
        raise NotFoundError("No alert is about this entity. It may be named in others: search for it.")
    first = found.rows[0].alert
    window = _window(desk, desk.now(), ENTITY_DAYS, 24, first.start)
    bins: list[Bin] = binned(_counted(desk.stores, window, 24, id_), window.since, window.until, 24)
    words = desk.words(request)
    usual: dict[str, tuple[Alert, list[str]]] = {}
    for row in found.rows:
        usual.setdefault(row.alert.type, (row.alert, usual_words(row.alert)))
    return desk.page(
        request,
        "entity.html",
        id=id_,
        first=first,
        rows_found=found.rows[:LIMIT],
        more=found.next is not None or len(found.rows) > LIMIT,
        learned_since=course.learned_since(row.alert for row in found.rows),
        courses=[
            (some[-1].alert, course.draw(some, title_of(some[-1].alert, words.language), words))
            for some in course.courses(row.alert for row in found.rows).values()
        ],
        chart=columns(bins, words("Alerts by severity"), words),
        window=window,
        since=stamp(window.since),
        until=stamp(window.until),
        usual=list(usual.values()),
    )
