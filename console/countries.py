"""Where an incident's addresses are: a map of countries, and the same as a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining_evidence import rows, text
from console import svg
from console.world import COUNTRIES, LAND, NORTH, STEP

CELL = 8.0  # the width of a cell of the map
MOST = 60  # countries that are shown


class Country(NamedTuple):
    """One, with what of an incident comes from it or goes to it."""

    code: str
    alerts: int
    addresses: int

    def name(self, language: str) -> str:
        """For people; its code where nobody knows a name."""
        _, _, english, japanese = COUNTRIES.get(self.code, (0, 0, self.code, self.code))
        return japanese if language == "ja" else english


def countries(alerts: Iterable[Alert]) -> list[Country]:
    """Those with most alerts first."""
    by_alert: dict[str, set[str]] = {}
    by_address: dict[str, set[str]] = {}
    for alert in alerts:
        for row in [*rows(alert.evidence.get("addresses")), *rows(alert.evidence.get("top_peers"))]:
            code = text(row.get("country"))[:8]
            if code:
                by_alert.setdefault(code, set()).add(alert.id)
                by_address.setdefault(code, set()).add(text(row.get("address")))
    found = [Country(code, len(ids), len(by_address[code])) for code, ids in by_alert.items()]
    return sorted(found, key=lambda one: (-one.alerts, -one.addresses, one.code))[:MOST]


def draw(found: Sequence[Country], title: str, language: str) -> Markup | None:
    """The map; None where no country of it is known."""
    placed = [one for one in found if one.code in COUNTRIES]
    if not placed:
        return None
    width, height = CELL * len(LAND[0]), CELL * len(LAND)
    most = max(one.alerts for one in placed)
    parts = [svg.element("path", d=_land(), class_="land")]
    for one in reversed(placed):  # the largest last: it is on top
        north, east, *_ = COUNTRIES[one.code]
        x, y = CELL * (east + 180) / STEP, CELL * (NORTH - north) / STEP
        hint = svg.hint(f"{one.name(language)}: {one.alerts}")
        radius = 5.0 + 9.0 * (one.alerts / most) ** 0.5
        parts.append(svg.element("circle", hint, cx=x, cy=y, r=radius, class_="place"))
        parts.append(svg.text(x + radius + 3, y + 4, one.code))
    words = ", ".join(f"{one.name(language)}: {one.alerts}" for one in placed)
    return svg.picture(width, height, title, words, parts, "chart world")


def _land() -> str:
    """Rows of cells, joined where they touch."""
    parts = []
    for row, cells in enumerate(LAND):
        column = 0
        while (column := cells.find("#", column)) >= 0:
            end = cells.find(".", column)
            end = len(cells) if end < 0 else end
            y = CELL * row + 1
            parts.append(
                f"M{CELL * column + 1:g} {y:g}h{CELL * (end - column) - 2:g}v{CELL - 2:g}H{CELL * column + 1:g}z"
            )
            column = end
    return "".join(parts)
