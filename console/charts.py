"""Alerts over time as SVG: columns by severity, and small ones for a layer or an entity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from markupsafe import Markup

from alerts.store.counting import DAY, Count
from console import svg
from console.rendering import url
from detections.declare import SEVERITIES

WIDTH, HEIGHT, LEFT, FOOT = 960.0, 190.0, 40.0, 22.0
SMALL = 44.0
Say = Callable[..., str]


class Bin(NamedTuple):
    """So many alerts of a span of time, by severity."""

    start: datetime
    end: datetime
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def binned(counts: Iterable[Count], since: datetime, until: datetime, hours: int) -> list[Bin]:
    """Spans of so many hours that end with `until`, the empty ones too."""
    number = max(1, round((until - since) / timedelta(hours=hours)))
    width = timedelta(hours=hours)
    bins = [Bin(since + width * n, since + width * (n + 1), {}) for n in range(number)]
    for one in counts:
        try:
            hour = one.time if len(one.time) > DAY else f"{one.time}T00"
            at = datetime.fromisoformat(f"{hour}:00:00+00:00")
        except ValueError:
            continue
        place = int((at - since) / width)
        if 0 <= place < number:
            found = bins[place].counts
            found[one.severity] = found.get(one.severity, 0) + one.number
    return bins


def columns(bins: Sequence[Bin], title: str, say: Say, links: bool = True) -> Markup:
    """The alerts of a span, a column for each bin, which leads to its alerts where `links` are wanted."""
    most = _round(max((one.total for one in bins), default=0))
    room, high = WIDTH - LEFT, HEIGHT - FOOT - 8
    step = room / len(bins)
    parts: list[Markup] = []
    for share in (0.0, 0.5, 1.0):
        y = 8 + high * (1 - share)
        parts += [svg.line(LEFT, y, WIDTH, y, "grid")]
        if most * share == int(most * share):
            parts += [svg.text(LEFT - 8, y + 4, f"{most * share:,.0f}", "tick", "end")]
    for number, one in enumerate(bins):
        if one.total:
            parts.append(_column(one, LEFT + step * number, step, high, most, say, links))
    parts += _days(bins, step)
    total = sum(one.total for one in bins)
    words = say(
        "{number} alerts; the most in one span: {most}.",
        number=total,
        most=max((one.total for one in bins), default=0),
    )
    return svg.picture(WIDTH, HEIGHT, title, words, parts, "chart columns-chart")


def _column(one: Bin, x: float, step: float, high: float, most: int, say: Say, links: bool) -> Markup:
    gap = min(2.0, step * 0.2)
    top = 8 + high
    parts: list[Markup] = []
    for severity in SEVERITIES:
        size = high * one.counts.get(severity, 0) / most
        if size:
            top -= size
            parts.append(svg.rect(x + gap / 2, top, step - gap, size, f"fill-{severity}"))
    told = ", ".join(
        f"{one.counts[name]} {say(name)}" for name in reversed(SEVERITIES) if one.counts.get(name)
    )
    hint = f"{stamp(one.start)[:16].replace('T', ' ')} UTC: {told}"
    if not links:
        return svg.element("g", svg.hint(hint), *parts)
    there = url("/alerts", since=stamp(one.start), until=stamp(one.end))
    return svg.element("a", svg.hint(hint), *parts, href=there)


def _days(bins: Sequence[Bin], step: float) -> list[Markup]:
    """Dates under the columns, only so many as have room."""
    starts = [(number, one.start) for number, one in enumerate(bins) if one.start.hour == 0]
    if len(starts) < 2:
        return [
            svg.text(
                LEFT + step * number,
                HEIGHT - 6,
                f"{one.start:%H:%M}",
                "tick",
                "middle" if number else "start",
            )
            for number, one in enumerate(bins)
            if number % 4 == 0
        ]
    every = -(-len(starts) // 10)
    return [
        svg.text(LEFT + step * number, HEIGHT - 6, f"{at:%Y-%m-%d}"[5:], "tick")
        for number, at in starts[::every]
    ]


def small(bins: Sequence[Bin], title: str, say: Say) -> Markup:
    """The same in a line's height, without an axis."""
    most = max((one.total for one in bins), default=0) or 1
    step = WIDTH / len(bins)
    bars: dict[str, list[str]] = {}
    for number, one in enumerate(bins):
        top = SMALL - 1
        for severity in SEVERITIES:
            size = (SMALL - 6) * one.counts.get(severity, 0) / most
            if size:
                bar = f"M{step * number:.1f} {top:.1f}v-{size:.1f}h{max(step - 1, 1.5):.1f}v{size:.1f}z"
                bars.setdefault(severity, []).append(bar)
                top -= size
    parts = [svg.line(0, SMALL - 1, WIDTH, SMALL - 1, "grid")]
    parts += [svg.element("path", d="".join(some), class_=f"fill-{name}") for name, some in bars.items()]
    total = sum(one.total for one in bins)
    words = say("{number} alerts; the most in one span: {most}.", number=total, most=most if total else 0)
    return svg.picture(WIDTH, SMALL, title, words, parts, "spark", preserveAspectRatio="none")


def _round(most: int) -> int:
    """An even end of an axis."""
    for scale in (2, 4, 6, 10, 20, 40, 60, 100, 200, 400, 600, 1_000):
        if most <= scale:
            return scale
    return -(-most // 1_000) * 1_000


def stamp(at: datetime) -> str:
    """RFC 3339, as alerts have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
