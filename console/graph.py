"""An incident as pictures: who is connected with whom by its alerts, and what happened when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining_evidence import seconds
from alerts.explaining_shapes import when
from alerts.incident_graph import COLUMNS, Edge, Graph, Node, column
from alerts.output import who
from console import svg
from console.rendering import url

WIDTH, ROW, NODE, HEAD = 960.0, 34.0, 210.0, 24.0
MOST = 12  # of a column
HEADINGS = ("Addresses", "Principals", "Vaults and resources")
LANE_LEFT, LANE = 250.0, 26.0
MOST_LANES = 20


class _Place(NamedTuple):
    about: Node
    x: float
    y: float


class GraphPicture:
    """Nodes in three columns, in the order in which alerts name them; an edge where one alert names both."""

    def __init__(self, graph: Graph) -> None:
        self._places: dict[str, _Place] = {}
        self._left = [0] * len(COLUMNS)  # that have no room
        for number in range(len(COLUMNS)):
            found = [node for node in graph.nodes if column(node.kind) == number]
            self._left[number] = max(0, len(found) - MOST)
            for place, node in enumerate(found[:MOST]):
                self._places[node.id] = _Place(node, _x(number), HEAD + 12 + ROW * place)
        self._edges = [
            edge for edge in graph.edges if edge.source in self._places and edge.target in self._places
        ]

    @property
    def worth_it(self) -> bool:
        """Whether there is more than one node."""
        return len(self._places) > 1

    def draw(self, title: str, headings: Sequence[str], more: str, links: bool = True) -> Markup:
        """The picture; `links`: to the pages of what it shows."""
        rows = max(Counter(column(place.about.kind) for place in self._places.values()).values(), default=0)
        height = HEAD + 12 + ROW * (rows + (1 if any(self._left) else 0))
        parts: list[Markup] = []
        for number, heading in enumerate(headings):
            parts.append(svg.text(_x(number), 14, heading, "heading"))
            if left := self._left[number]:
                said = more.format(number=left)
                parts.append(svg.text(_x(number) + 8, HEAD + 12 + ROW * MOST + 16, said, "tick"))
        parts += [self._edge(edge) for edge in self._edges]
        parts += [_node(place, links) for place in self._places.values()]
        return svg.picture(WIDTH, height, title, self._words(), parts, "chart graph")

    def _edge(self, edge: Edge) -> Markup:
        one, other = self._places[edge.source], self._places[edge.target]
        x1, y1, x2, y2 = one.x + NODE, one.y + 13, other.x, other.y + 13
        bend = (x2 - x1) * 0.45
        path = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
        said = f"{one.about.name} – {other.about.name}: {edge.alerts}"
        return svg.element(
            "path",
            svg.hint(said),
            d=path,
            class_=f"edge line-{edge.severity}",
            stroke_width=min(1 + edge.alerts * 0.7, 6),
        )

    def _words(self) -> str:
        name = {id_: place.about.name for id_, place in self._places.items()}
        return "; ".join(f"{name[e.source]} – {name[e.target]} ({e.alerts})" for e in self._edges[:60])


def _x(number: int) -> float:
    return (WIDTH - NODE) * number / (len(COLUMNS) - 1)


def _node(place: _Place, links: bool) -> Markup:
    node = place.about
    name = svg.fitted(node.name, NODE - 22)
    box = svg.rect(place.x, place.y, NODE, 26, f"node node-{node.kind}", rx=5)
    label = svg.text(place.x + 10, place.y + 17, name)
    if not links:
        return svg.element("g", svg.hint(node.name), box, label)
    field = "entity" if node.kind in ("vault", "resource", "principal") else "text"
    there = url("/entity", id=node.entity) if field == "entity" else url("/alerts", text=node.entity)
    return svg.element("a", svg.hint(node.name), box, label, href=there)


def timeline(alerts: Sequence[Alert], title: str, more: str, there: str | None = "/alerts/") -> Markup:
    """What happened when: a lane for each entity, a span for each alert from its first record to its last.

    `there` and an alert's id are where a span leads, None: nowhere.
    """
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
            if there is None:
                parts.append(svg.element("g", hint, bar))
                continue
            label = f"{alert.title}, {when(first)}"
            parts.append(svg.element("a", hint, bar, href=f"{there}{alert.id}", aria_label=label))
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
