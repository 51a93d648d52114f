"""Draws the picture of an alert as SVG or PNG, with matplotlib (the extra `plots`).

Readable in grey: marks differ in brightness, hatching and shape. Names are a stranger's: none is read as markup, and
what is too long for its place is cut.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

from alerts.explaining_shapes import Bars, Lanes, Mark, Panel, Picture, described, shown_value
from detections.words import rfc3339

WIDTH, LEFT, RIGHT = 9.0, 0.30, 0.87  # inches, and where the axes lie
ROW, HEAD, FOOT, TOP = 0.27, 0.42, 0.36, 0.62  # inches: a bar or lane, above and below a panel, the title
SETTINGS: Any = {
    "svg.hashsalt": "redshank",  # the same picture is the same file
    "svg.fonttype": "path",  # it looks the same, and fits, on every machine
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "hatch.linewidth": 0.6,
}
COLOURS: dict[Mark, str] = {
    "seen": "#8c1d18",
    "usual": "#a8c8e4",
    "limit": "#ffffff",
    "other": "#7d7d7d",
    "new": "#8c1d18",
}
HATCHES: dict[Mark, str] = {"seen": "", "usual": "", "limit": "////", "other": "", "new": ""}
SHAPES: dict[Mark, str] = {"seen": "o", "usual": "s", "limit": "s", "other": "D", "new": "*"}
EDGE = "#333333"
_ALONE = threading.RLock()  # matplotlib's settings are one for all threads; several sinks may draw
LEAST_SPAN_S = 60.0  # of a time line
WIDE = 50.0  # largest by smallest: beyond it bars are drawn on a logarithmic scale


def draw(picture: Picture, form: str) -> bytes:
    """The picture in that form, 'svg' or 'png'. Raises ImportError where matplotlib is missing."""
    out = io.BytesIO()
    with _ALONE, _settings():
        told = {"Title": picture.title, "Description": described(picture)}
        figure_of(picture).savefig(out, format=form, dpi=150, metadata=None if form == "svg" else told)
    return _named(out.getvalue(), picture) if form == "svg" else out.getvalue()


def figure_of(picture: Picture) -> Any:
    """The picture as a figure of matplotlib's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _settings():
        figure = Figure(figsize=(WIDTH, _height(picture)))
        FigureCanvasAgg(figure)
        _fill(figure, picture)
    return figure


@contextmanager
def _settings() -> Iterator[None]:
    """Ours, whatever the user has set; letters that the font does not have show as boxes, without a word."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def _rows(panel: Panel) -> int:
    return len(panel.bars) if isinstance(panel, Bars) else len(panel.names)


def _height(picture: Picture) -> float:
    return TOP + sum(HEAD + FOOT + ROW * _rows(panel) for panel in picture.panels)


def _fill(figure: Any, picture: Picture) -> None:
    height = _height(picture)
    _text(figure, 0.015, 1 - 0.26 / height, picture.title, 0.97, fontsize=10, fontweight="bold")
    _text(figure, 0.015, 1 - 0.47 / height, picture.about, 0.97, fontsize=8)
    top = height - TOP
    for panel in picture.panels:
        size = ROW * _rows(panel)
        top -= HEAD
        axes = figure.add_axes((LEFT, (top - size) / height, RIGHT - LEFT, size / height))
        _text(figure, 0.015, (top + 0.12) / height, _heading(panel), 0.97, fontsize=8, fontweight="bold")
        _bars(figure, axes, panel) if isinstance(panel, Bars) else _lanes(figure, axes, panel)
        top -= size + FOOT


def _heading(panel: Panel) -> str:
    """With the day: an axis has the time of day alone."""
    if isinstance(panel, Bars):
        return panel.title
    return f"{panel.title}; UTC, from {_time(min(point.at_s for point in panel.points))[:10]}"


def _time(at_s: float) -> str:
    return rfc3339(int(at_s) * 1_000_000)


def _text(figure: Any, x: float, y: float, text: str, width: float, **style: Any) -> None:
    """A line that is cut to so much of the figure's width."""
    line = figure.text(x, y, text, **style)
    _fit(figure, line, width * figure.bbox.width)


def _fit(figure: Any, line: Any, width: float) -> None:
    """Cut a text in its middle until it is no wider: both ends of a name tell it from others."""
    text = line.get_text()[:400]
    line.set_text(text)
    kept = len(text)
    while kept > 1 and line.get_window_extent(figure.canvas.get_renderer()).width > width:
        kept = min(kept - 1, int(kept * 0.95))
        line.set_text(text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :])


def _labelled(figure: Any, axes: Any, names: Sequence[str]) -> None:
    """Names at the left, one a row from above; the frame."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), labels=["" for _ in names])
    place = axes.get_yaxis_transform()
    for row, name in enumerate(names):
        line = axes.text(-0.025, row, name, transform=place, ha="right", va="center")
        _fit(figure, line, (LEFT - 0.04) * figure.bbox.width)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _bars(figure: Any, axes: Any, panel: Bars) -> None:
    values = [bar.value for bar in panel.bars]
    most = max(values) or 1.0
    _labelled(figure, axes, [bar.label for bar in panel.bars])
    for row, bar in enumerate(panel.bars):
        if bar.mark == "new" and not bar.value:
            axes.plot([0], [row], "*", color=COLOURS["new"], markersize=9, clip_on=False, zorder=3)
        style = {"color": COLOURS[bar.mark], "hatch": HATCHES[bar.mark], "edgecolor": EDGE}
        axes.barh(row, bar.value, height=0.62, linewidth=0.7, **style)
        shift = 8 if bar.mark == "new" and not bar.value else 4
        said = shown_value(bar.value, panel.share)
        axes.annotate(said, (bar.value, row), (shift, 0), textcoords="offset points", va="center")
    if not panel.share and most > WIDE * max(1.0, min((v for v in values if v > 0), default=1.0)):
        axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, most)
    _number_ticks(axes, panel.share, most)


def _number_ticks(axes: Any, share: bool, most: float) -> None:
    from matplotlib.ticker import MaxNLocator, NullLocator

    if axes.get_xscale() == "symlog":
        powers = [10.0**power for power in range(16) if 10.0**power <= most]
        ticks = [0.0, *powers[:: -(-len(powers) // 6)]]
    else:
        ticks = [tick for tick in MaxNLocator(5).tick_values(0, most) if 0 <= tick <= most]
    axes.set_xticks(ticks, labels=[f"{tick:.0%}" if share else f"{tick:,.6g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _lanes(figure: Any, axes: Any, panel: Lanes) -> None:
    lanes = {name: row for row, name in enumerate(panel.names)}
    _labelled(figure, axes, panel.names)
    axes.hlines(range(len(lanes)), 0, 1, transform=axes.get_yaxis_transform(), color="#e5e5e5", linewidth=0.8)
    first = min(point.at_s for point in panel.points)
    last = max(max(point.at_s, point.until_s or point.at_s) for point in panel.points)
    for point in panel.points:
        style = {"color": COLOURS[point.mark], "markeredgecolor": EDGE, "markeredgewidth": 0.6}
        size = 10 if point.mark == "new" else 5.5
        at, row = point.at_s - first, lanes[point.lane]
        if point.until_s is not None and point.until_s > point.at_s:
            axes.plot([at, point.until_s - first], [row, row], "-", color=COLOURS[point.mark], linewidth=4)
        else:
            axes.plot([at], [row], SHAPES[point.mark], markersize=size, clip_on=False, zorder=3, **style)
    if panel.joined:
        _join(figure, axes, panel, lanes, first)
    _time_ticks(axes, first, max(last - first, LEAST_SPAN_S))


def _join(figure: Any, axes: Any, panel: Lanes, lanes: dict[str, int], first: float) -> None:
    xs = [point.at_s - first for point in panel.points]
    ys = [lanes[point.lane] for point in panel.points]
    axes.plot(xs, ys, "--", color=EDGE, linewidth=1, zorder=2)
    said = axes.text((xs[0] + xs[-1]) / 2, (ys[0] + ys[-1]) / 2, panel.joined, ha="center", va="center")
    said.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5})
    _fit(figure, said, 0.8 * (RIGHT - LEFT) * figure.bbox.width)


def _time_ticks(axes: Any, first: float, span: float) -> None:
    axes.set_xlim(-0.02 * span, 1.02 * span)
    ticks = [span * part / 4 for part in range(5)]
    said = [_time(first + tick) for tick in ticks]
    begin, end = (0, 10) if span > 3 * 86_400 else (11, 16) if span > 300 else (11, 19)
    axes.set_xticks(ticks, labels=[text[begin:end] for text in said])


def _named(svg: bytes, picture: Picture) -> bytes:
    """With a title and a description that screen readers read."""
    head = (
        f'<title id="title">{escape(picture.title)}</title>\n'
        f'<desc id="desc">{escape(described(picture))}</desc>\n'
    )
    found = re.search(rb"<svg ([^>]*)>", svg)
    if found is None:
        raise ValueError("matplotlib has written no SVG")
    opened = b'<svg role="img" aria-labelledby="title desc" ' + found[1] + b">\n " + head.encode()
    without = re.sub(rb"\s*<metadata>.*?</metadata>", b"", svg[found.end() :], count=1, flags=re.DOTALL)
    return svg[: found.start()] + opened + without
