"""Who is connected with whom by the alerts of an incident: nodes, and edges where one alert names both. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from alerts.alert import Alert
from alerts.naming import Kind, Named, named
from detections.declare import SEVERITIES, Severity

# An edge leads from a column to the next one of which the alert names somebody.
COLUMNS: tuple[tuple[Kind, ...], ...] = (
    ("address",),
    ("principal", "application"),
    ("vault", "resource"),
)


class Node(msgspec.Struct, kw_only=True):
    """Somebody or something."""

    id: str  # 'kind:id'
    kind: Kind
    entity: str  # its id as the evidence has it
    name: str
    alerts: int = 0
    severity: Severity = "informational"


class Edge(msgspec.Struct, kw_only=True):
    """Two that alerts name together."""

    source: str
    target: str
    alerts: int = 0
    severity: Severity = "informational"
    types: list[str] = []


class Graph(msgspec.Struct):
    """In the order in which alerts name them."""

    nodes: list[Node]
    edges: list[Edge]


def graph_of(alerts: Sequence[Alert]) -> Graph:
    """The graph of an incident's alerts."""
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for alert in alerts:
        columns: list[list[str]] = [[] for _ in COLUMNS]
        for one in _ends(alert):
            node = nodes.setdefault(
                _key(one), Node(id=_key(one), kind=one.kind, entity=one.id, name=one.name)
            )
            if node.name == node.entity:  # who an alert knows by an id alone, another one names
                node.name = one.name
            _count(node, alert)
            columns[column(one.kind)].append(node.id)
        for left, right in pairwise(filter(None, columns)):
            for pair in ((a, b) for a in left for b in right):
                edge = edges.setdefault(pair, Edge(source=pair[0], target=pair[1]))
                _count(edge, alert)
                if alert.type not in edge.types:
                    edge.types.append(alert.type)
    return Graph(list(nodes.values()), list(edges.values()))


def column(kind: Kind) -> int:
    """Where in a picture it stands."""
    return next(number for number, kinds in enumerate(COLUMNS) if kind in kinds)


def _count(part: Node | Edge, alert: Alert) -> None:
    part.alerts += 1
    part.severity = max(part.severity, alert.severity, key=SEVERITIES.index)


def _ends(alert: Alert) -> list[Named]:
    """Whom an alert connects. An application stands for itself only where nobody is known to use it."""
    found = named(alert)
    known = any(one.kind == "principal" for one in found)
    return [one for one in found if not (known and one.kind == "application")]


def _key(one: Named) -> str:
    return f"{one.kind}:{one.id.lower()}"
