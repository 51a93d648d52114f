"""The picture of an alert (`alerts.explaining_picture`) as SVG for a page: what was seen against what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from math import log10

from markupsafe import Markup

from alerts.explaining_shapes import Bars, Lanes, Picture, Point, described, shown_value, when
from console import svg

WIDTH, LEFT, RIGHT = 720.0, 250.0, 76.0
ROW, HEAD, FOOT = 24.0, 26.0, 26.0
WIDE = 50.0  # largest by smallest: beyond it bars are drawn on a logarithmic scale
LEAST_SPAN_S = 60.0


def draw(shown: Picture) -> Markup:
    """All its panels, one under the other."""
    parts: list[Markup] = []
    top = 4.0
    for panel in shown.panels:
        parts.append(svg.text(0, top + 13, svg.fitted(panel.title, WIDTH), "heading"))
        top += HEAD
        parts += _bars(panel, top) if isinstance(panel, Bars) else _lanes(panel, top)
        top += ROW * (len(panel.bars) if isinstance(panel, Bars) else len(panel.names)) + FOOT
    return svg.picture(WIDTH, top, shown.title, described(shown), parts)


def _label(y: float, said: str) -> Markup:
    return svg.element(
        "text", svg.hint(said), svg.fitted(said, LEFT - 14), x=LEFT - 10, y=y + 4, text_anchor="end"
    )


def _bars(panel: Bars, top: float) -> Iterator[Markup]:
    values = [bar.value for bar in panel.bars]
    most = max(values) or 1.0
    least = min((value for value in values if value > 0), default=1.0)
    logarithmic = not panel.share and most > WIDE * max(1.0, least)
    room = WIDTH - LEFT - RIGHT
    for number, bar in enumerate(panel.bars):
        y = top + ROW * number + ROW / 2
        width = room * (log10(1 + bar.value) / log10(1 + most) if logarithmic else bar.value / most)
        yield _label(y, bar.label)
        if bar.mark == "new" and not bar.value:
            yield _star(LEFT + 6, y)
            width = 12
        else:
            yield svg.rect(LEFT, y - 7.5, max(width, 1.5), 15, f"mark-{bar.mark}", rx=2)
        yield svg.text(LEFT + width + 8, y + 4, shown_value(bar.value, panel.share), "value")
    bottom = top + ROW * len(panel.bars)
    yield svg.line(LEFT, top, LEFT, bottom, "axis")
    if logarithmic:
        yield svg.text(WIDTH, bottom + 12, "logarithmic", "tick", "end")


def _lanes(panel: Lanes, top: float) -> Iterator[Markup]:
    begin = min(point.at_s for point in panel.points)
    end = max(begin + LEAST_SPAN_S, *(point.until_s or point.at_s for point in panel.points))
    room = WIDTH - LEFT - RIGHT

    def x(at_s: float) -> float:
        return LEFT + 8 + room * (at_s - begin) / (end - begin)

    names = panel.names
    for number, name in enumerate(names):
        y = top + ROW * number + ROW / 2
        yield svg.line(LEFT, y, WIDTH - RIGHT + 16, y, "lane")
        yield _label(y, name)
        for point in (one for one in panel.points if one.lane == name):
            yield _point(point, x(point.at_s), None if point.until_s is None else x(point.until_s), y)
    bottom = top + ROW * len(names)
    yield svg.text(LEFT, bottom + 12, when(begin), "tick")
    yield svg.text(WIDTH - RIGHT + 16, bottom + 12, when(end)[11:], "tick", "end")
    if panel.joined:
        yield svg.text((LEFT + WIDTH - RIGHT) / 2, bottom + 12, panel.joined, "value", "middle")


def _point(point: Point, x: float, until: float | None, y: float) -> Markup:
    if until is not None and until - x > 4:
        return svg.rect(x, y - 4, until - x, 8, f"mark-{point.mark}", svg.hint(when(point.at_s)), rx=4)
    if point.mark == "new":
        return _star(x, y)
    return svg.element("circle", svg.hint(when(point.at_s)), cx=x, cy=y, r=4.5, class_=f"mark-{point.mark}")


def _star(x: float, y: float) -> Markup:
    points = " ".join(
        f"{x + dx:.1f},{y + dy:.1f}"
        for dx, dy in (
            (0, -7),
            (2, -2),
            (7, -2),
            (3, 1.5),
            (4.5, 7),
            (0, 3.5),
            (-4.5, 7),
            (-3, 1.5),
            (-7, -2),
            (-2, -2),
        )
    )
    return svg.element("polygon", points=points, class_="mark-new")
