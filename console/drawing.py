"""The picture of an alert (`alerts.explaining_picture`) as SVG for a page: what was seen against what is usual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import log10
from typing import NamedTuple

from markupsafe import Markup

from alerts.explaining_shapes import Bars, Lanes, Panel, Picture, Point, described, shown_value, when
from console import svg

HEAD, FOOT = 26.0, 26.0
LINE = (
    16.0  # what is said of the points of a time line stands below its times, or it would be printed over them
)
WIDE = 50.0  # largest by smallest: beyond it bars are drawn on a logarithmic scale
LEAST_SPAN_S = 60.0
STAR = ((0, -7), (2, -2), (7, -2), (3, 1.5), (4.5, 7), (0, 3.5), (-4.5, 7), (-3, 1.5), (-7, -2), (-2, -2))


class Layout(NamedTuple):
    """Where things are: names beside what they name, or above it where a page is narrow."""

    width: float
    left: float
    right: float
    row: float
    class_: str

    @property
    def above(self) -> bool:
        """Whether names are above."""
        return not self.left

    @property
    def room(self) -> float:
        """For what is drawn."""
        return self.width - self.left - self.right

    def middle(self, top: float, number: int) -> float:
        """The middle of a row's bar."""
        return top + self.row * number + (28.0 if self.above else self.row / 2)


WIDE_PAGE = Layout(720.0, 250.0, 76.0, 24.0, "chart wide-only")
NARROW_PAGE = Layout(330.0, 0.0, 56.0, 40.0, "chart narrow-only")


def in_words(shown: Picture, say: Callable[[str], str]) -> Picture:
    """The same with its names in another language."""
    return Picture(say(shown.title), shown.about, [_panel_in_words(one, say) for one in shown.panels])


def _panel_in_words(panel: Panel, say: Callable[[str], str]) -> Panel:
    if isinstance(panel, Bars):
        return panel._replace(
            title=say(panel.title), bars=[bar._replace(label=say(bar.label)) for bar in panel.bars]
        )
    return panel._replace(
        title=say(panel.title),
        points=[point._replace(lane=say(point.lane)) for point in panel.points],
        joined=", ".join(_amount_in_words(part, say) for part in panel.joined.split(", ")),
    )


def _amount_in_words(said: str, say: Callable[[str], str]) -> str:
    number, _, unit = said.partition(" ")
    return f"{number} {say(unit)}".strip()


def draw(shown: Picture) -> Markup:
    """All its panels, one under the other; twice, and the style sheet shows the one that fits."""
    return Markup("").join(_drawn(shown, layout) for layout in (WIDE_PAGE, NARROW_PAGE))


def _drawn(shown: Picture, at: Layout) -> Markup:
    parts: list[Markup] = []
    top = 4.0
    for panel in shown.panels:
        parts.append(svg.text(0, top + 13, svg.fitted(panel.title, at.width), "heading"))
        top += HEAD
        parts += _bars(panel, top, at) if isinstance(panel, Bars) else _lanes(panel, top, at)
        top += at.row * (len(panel.bars) if isinstance(panel, Bars) else len(panel.names)) + FOOT
        top += LINE if isinstance(panel, Lanes) and panel.joined else 0.0
    return svg.picture(at.width, top, shown.title, described(shown), parts, at.class_)


def _label(y: float, said: str, at: Layout) -> Markup:
    if at.above:
        return svg.element("text", svg.hint(said), svg.fitted(said, at.width), x=0, y=y - 13)
    name = svg.fitted(said, at.left - 14)
    return svg.element("text", svg.hint(said), name, x=at.left - 10, y=y + 4, text_anchor="end")


def _bars(panel: Bars, top: float, at: Layout) -> Iterator[Markup]:
    values = [bar.value for bar in panel.bars]
    most = max(values) or 1.0
    least = min((value for value in values if value > 0), default=1.0)
    logarithmic = not panel.share and most > WIDE * max(1.0, least)
    for number, bar in enumerate(panel.bars):
        y = at.middle(top, number)
        width = at.room * (log10(1 + bar.value) / log10(1 + most) if logarithmic else bar.value / most)
        yield _label(y, bar.label, at)
        if bar.mark == "new" and not bar.value:
            yield _star(at.left + 6, y)
            width = 12
        else:
            yield svg.rect(at.left, y - 7.5, max(width, 1.5), 15, f"mark-{bar.mark}", rx=2)
        yield svg.text(at.left + width + 8, y + 4, shown_value(bar.value, panel.share), "value")
    bottom = top + at.row * len(panel.bars)
    if not at.above:
        yield svg.line(at.left, top, at.left, bottom, "axis")
    if logarithmic:
        yield svg.text(at.width, bottom + 12, "logarithmic", "tick", "end")


def _lanes(panel: Lanes, top: float, at: Layout) -> Iterator[Markup]:
    begin = min(point.at_s for point in panel.points)
    end = max(begin + LEAST_SPAN_S, *(point.until_s or point.at_s for point in panel.points))

    def x(at_s: float) -> float:
        return at.left + 8 + at.room * (at_s - begin) / (end - begin)

    names = panel.names
    for number, name in enumerate(names):
        y = at.middle(top, number)
        yield svg.line(at.left, y, at.width - at.right + 16, y, "lane")
        yield _label(y, name, at)
        for point in (one for one in panel.points if one.lane == name):
            yield _point(point, x(point.at_s), None if point.until_s is None else x(point.until_s), y)
    bottom = top + at.row * len(names)
    yield svg.text(at.left, bottom + 12, when(begin), "tick")
    yield svg.text(at.width - at.right + 16, bottom + 12, when(end)[11:], "tick", "end")
    if panel.joined:
        yield svg.text(
            (at.left + at.width - at.right) / 2, bottom + 12 + LINE, panel.joined, "value", "middle"
        )


def _point(point: Point, x: float, until: float | None, y: float) -> Markup:
    if until is not None and until - x > 4:
        return svg.rect(x, y - 4, until - x, 8, f"mark-{point.mark}", svg.hint(when(point.at_s)), rx=4)
    if point.mark == "new":
        return _star(x, y)
    return svg.element("circle", svg.hint(when(point.at_s)), cx=x, cy=y, r=4.5, class_=f"mark-{point.mark}")


def _star(x: float, y: float) -> Markup:
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in STAR)
    return svg.element("polygon", points=points, class_="mark-new")
