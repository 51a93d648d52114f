"""An incident as pictures: who is connected with whom by its alerts, and what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining_evidence import seconds
from alerts.explaining_shapes import when
from alerts.output import who
from console import svg
from console.naming import Kind, Named, named
from console.rendering import url
from detections.declare import SEVERITIES

WIDTH, ROW, NODE, HEAD = 960.0, 34.0, 210.0, 24.0
MOST = 12  # of a column
COLUMNS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    ("Addresses", ("address",)),
    ("Principals", ("principal", "application")),
    ("Vaults and resources", ("vault", "resource")),
)
LANE_LEFT, LANE = 250.0, 26.0
MOST_LANES = 20


class _Node(NamedTuple):
    about: Named
    x: float
    y: float


class Graph:
    """Nodes in three columns, in the order in which alerts name them; an edge where one alert names both."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._edges: dict[tuple[tuple[str, str], tuple[str, str]], tuple[int, int]] = {}
        self.left = [0] * len(COLUMNS)  # that have no room
        columns: list[dict[tuple[str, str], Named]] = [{} for _ in COLUMNS]
        for alert in alerts:
            for one in _ends(alert):
                columns[_column(one)].setdefault(_key(one), one)
        for number, found in enumerate(columns):
            self.left[number] = max(0, len(found) - MOST)
            x = (WIDTH - NODE) * number / (len(COLUMNS) - 1)
            for place, (key, one) in enumerate(list(found.items())[:MOST]):
                self._nodes[key] = _Node(one, x, HEAD + 12 + ROW * place)
        for alert in alerts:
            self._connect(alert)

    def _connect(self, alert: Alert) -> None:
        """Each with those of the next column that has any."""
        grave = SEVERITIES.index(alert.severity)
        here = [
            [_key(one) for one in named(alert) if _column(one) == n and _key(one) in self._nodes]
            for n in range(len(COLUMNS))
        ]
        filled = [keys for keys in here if keys]
        for left, right in pairwise(filled):
            for one in left:
                for other in right:
                    number, worst = self._edges.get((one, other), (0, 0))
                    self._edges[one, other] = number + 1, max(worst, grave)

    @property
    def worth_it(self) -> bool:
        """Whether there is more than one node."""
        return len(self._nodes) > 1

    def draw(self, title: str, headings: Sequence[str], more: str) -> Markup:
        """The picture."""
        rows = max(
            sum(1 for node in self._nodes.values() if _column(node.about) == n) for n in range(len(COLUMNS))
        )
        height = HEAD + 12 + ROW * (rows + (1 if any(self.left) else 0))
        parts: list[Markup] = []
        for number, heading in enumerate(headings):
            x = (WIDTH - NODE) * number / (len(COLUMNS) - 1)
            parts.append(svg.text(x, 14, heading, "heading"))
            if self.left[number]:
                parts.append(
                    svg.text(
                        x + 8, HEAD + 12 + ROW * MOST + 16, more.format(number=self.left[number]), "tick"
                    )
                )
        parts += [self._edge(pair, number, grave) for pair, (number, grave) in self._edges.items()]
        parts += [_node(node) for node in self._nodes.values()]
        return svg.picture(WIDTH, height, title, self._words(), parts, "chart graph")

    def _edge(self, pair: tuple[tuple[str, str], tuple[str, str]], number: int, grave: int) -> Markup:
        one, other = self._nodes[pair[0]], self._nodes[pair[1]]
        x1, y1, x2, y2 = one.x + NODE, one.y + 13, other.x, other.y + 13
        bend = (x2 - x1) * 0.45
        path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        said = f"{one.about.name} – {other.about.name}: {number}"
        return svg.element(
            "path",
            svg.hint(said),
            d=path,
            class_=f"edge line-{SEVERITIES[grave]}",
            stroke_width=min(1 + number * 0.7, 6),
        )

    def _words(self) -> str:
        told = [
            f"{self._nodes[a].about.name} – {self._nodes[b].about.name} ({n})"
            for (a, b), (n, _) in self._edges.items()
        ]
        return "; ".join(told[:60])


def _node(node: _Node) -> Markup:
    name = svg.fitted(node.about.name, NODE - 22)
    box = svg.rect(node.x, node.y, NODE, 26, f"node node-{node.about.kind}", rx=5)
    label = svg.text(node.x + 10, node.y + 17, name)
    field = "entity" if node.about.kind in ("vault", "resource", "principal") else "text"
    there = url("/entity", id=node.about.id) if field == "entity" else url("/alerts", text=node.about.id)
    return svg.element("a", svg.hint(node.about.name), box, label, href=there)


def _ends(alert: Alert) -> list[Named]:
    """Whom an alert connects. An application stands for itself only where nobody is known to use it."""
    found = named(alert)
    known = any(one.kind == "principal" for one in found)
    return [one for one in found if not (known and one.kind == "application")]


def _key(one: Named) -> tuple[str, str]:
    return one.kind, one.id.lower()


def _column(one: Named) -> int:
    return next(number for number, (_, kinds) in enumerate(COLUMNS) if one.kind in kinds)


def timeline(alerts: Sequence[Alert], title: str, more: str) -> Markup:
    """What happened when: a lane for each entity, a span for each alert from its first record to its last."""
    spans = [(alert, _span(alert)) for alert in alerts]
    begin = min(first for _, (first, _) in spans)
    end = max(begin + 60.0, *(last for _, (_, last) in spans))
    lanes = list(dict.fromkeys((alert.entity.kind, alert.entity.id.lower()) for alert in alerts))
    shown = lanes[:MOST_LANES]
    room = WIDTH - LANE_LEFT - 20
    parts: list[Markup] = []
    for number, lane in enumerate(shown):
        y = 8 + LANE * number + LANE / 2
        own = [(alert, span) for alert, span in spans if (alert.entity.kind, alert.entity.id.lower()) == lane]
        name = svg.element(
            "text",
            svg.hint(who(own[0][0])),
            svg.fitted(who(own[0][0]), LANE_LEFT - 16),
            x=LANE_LEFT - 12,
            y=y + 4,
            text_anchor="end",
        )
        parts += [svg.line(LANE_LEFT, y, WIDTH, y, "lane"), name]
        for alert, (first, last) in own:
            x = LANE_LEFT + 6 + room * (first - begin) / (end - begin)
            width = max(9.0, room * (last - first) / (end - begin))
            bar = svg.rect(x, y - 5, width, 10, f"fill-{alert.severity}", rx=5)
            hint = svg.hint(f"{alert.title}, {when(first)}")
            parts.append(
                svg.element(
                    "a", hint, bar, href=f"/alerts/{alert.id}", aria_label=f"{alert.title}, {when(first)}"
                )
            )
    bottom = 8 + LANE * len(shown)
    if len(lanes) > MOST_LANES:
        parts.append(
            svg.text(LANE_LEFT - 12, bottom + 14, more.format(number=len(lanes) - MOST_LANES), "tick", "end")
        )
    parts += [
        svg.text(LANE_LEFT, bottom + 14, when(begin), "tick"),
        svg.text(WIDTH, bottom + 14, when(end), "tick", "end"),
    ]
    words = "; ".join(f"{when(first)} {alert.title}: {who(alert)}" for alert, (first, _) in spans[:60])
    return svg.picture(WIDTH, bottom + 20, title, words, parts)


def _span(alert: Alert) -> tuple[float, float]:
    first = seconds(alert.first_seen) or seconds(alert.start) or 0.0
    return first, max(first, seconds(alert.last_seen) or first)
