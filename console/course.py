"""An entity's baselines over time: what its alerts say was usual, and what was seen, on one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from math import log10
from typing import Any, NamedTuple

from markupsafe import Markup

from alerts.alert import Alert
from alerts.explaining_evidence import amount, moment, number, seconds, table
from console import svg
from console.rendering import url

WIDTH, HEIGHT, LEFT, FOOT, TOP = 960.0, 150.0, 56.0, 22.0, 10.0
WIDE = 50.0  # largest by smallest: beyond it the scale is a logarithmic one
LEAST_SPAN_S = 3_600.0
Say = Callable[..., str]
# What was seen, what is usual and what is usual at most, in the evidence; 'usual.x' is x in the table `usual`.
KEYS: dict[str, tuple[str, str, str]] = {
    **{
        f"network.{service}_{way}{many}": ("seen", "usual", "usual_at_most")
        for service in ("ssh", "rdp")
        for way in ("incoming", "outgoing")
        for many in ("", "_multiple")
    },
    "key_vault.high_operation_volume": ("operations_in_hour", "usual_at_this_hour", "usual_at_most"),
    "key_vault.high_vault_access_volume": ("vaults_in_24_hours", "", "usual.most_in_24_hours_before"),
    "key_vault.list_and_query": ("distinct_secrets", "", "usual.most_by_this_caller_before"),
    "key_vault.unusual_user": ("", "usual.users_known", ""),
    "key_vault.unusual_application": ("", "usual.applications_known", ""),
    "key_vault.unusual_user_application_pair": ("", "usual.pairs_known", ""),
    "management.inactive_account": ("idle_days", "usual_pause_days", ""),
}


class Moment(NamedTuple):
    """What an alert says of a baseline."""

    at_s: float
    alert: Alert
    seen: float | None
    usual: float | None
    most: float | None

    def values(self) -> list[float]:
        """Those that it has."""
        return [one for one in (self.seen, self.usual, self.most) if one is not None]


def courses(alerts: Iterable[Alert]) -> dict[str, list[Moment]]:
    """By type, in the order of time; types whose alerts give no numbers are left out."""
    found: dict[str, list[Moment]] = {}
    for alert in alerts:
        at = seconds(alert.start)
        if at is None or alert.type not in KEYS:
            continue
        one = Moment(at, alert, *(_number(alert.evidence, key) for key in KEYS[alert.type]))
        if one.usual is not None or one.most is not None:
            found.setdefault(alert.type, []).append(one)
    return {type_: sorted(some, key=lambda one: one.at_s) for type_, some in sorted(found.items())}


def learned_since(alerts: Iterable[Alert]) -> str:
    """Since when an entity is known, as its alerts say; '' where none does."""
    said = (one.evidence.get("learned_since", one.evidence.get("known_since")) for one in alerts)
    return moment(min((one for one in said if isinstance(one, str) and seconds(one) is not None), default=""))


def _number(evidence: dict[str, Any], key: str) -> float | None:
    inside, _, name = key.rpartition(".")
    return number((table(evidence.get(inside)) if inside else evidence).get(name))


def draw(course: Sequence[Moment], title: str, say: Say) -> Markup:
    """The usual as a line, its upper end dashed, what was seen as points that lead to their alerts."""
    values = [value for one in course for value in one.values()]
    scale = _scale(values)
    begin, end = course[0].at_s, course[-1].at_s
    if end - begin < LEAST_SPAN_S:
        begin, end = begin - LEAST_SPAN_S, end + LEAST_SPAN_S

    def x(at_s: float) -> float:
        return LEFT + 8 + (WIDTH - LEFT - 16) * (at_s - begin) / (end - begin)

    def y(value: float) -> float:
        return TOP + (HEIGHT - FOOT - TOP) * (1 - scale(value))

    parts = [svg.line(LEFT, HEIGHT - FOOT, WIDTH, HEIGHT - FOOT, "axis")]
    for value in sorted({min(values), max(values)}):
        parts += [svg.line(LEFT, y(value), WIDTH, y(value), "grid")]
        parts += [svg.text(LEFT - 8, y(value) + 4, amount(value), "tick", "end")]
    parts += _line([(x(one.at_s), y(one.most)) for one in course if one.most is not None], "course-most")
    parts += _line([(x(one.at_s), y(one.usual)) for one in course if one.usual is not None], "course-usual")
    for one in course:
        if one.seen is not None:
            dot = svg.element("circle", cx=x(one.at_s), cy=y(one.seen), r=5.0, class_="mark-seen")
            there = url(f"/alerts/{one.alert.id}")
            parts.append(
                svg.element("a", svg.hint(_told(one, say)), dot, href=there, aria_label=_told(one, say))
            )
    for at, anchor in ((begin, "start"), (end, "end")):
        place = LEFT + 8 if anchor == "start" else WIDTH - 8
        parts.append(
            svg.text(place, HEIGHT - 6, f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}", "tick", anchor)
        )
    return svg.picture(WIDTH, HEIGHT, title, _told(course[-1], say), parts, "chart course-chart")


def _line(points: Sequence[tuple[float, float]], class_: str) -> list[Markup]:
    if not points:
        return []
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    ends = [svg.element("circle", cx=x, cy=y, r=2.5, class_=f"{class_}-end") for x, y in points]
    return [svg.element("path", d=path, class_=class_), *ends]


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """Where a value is, from 0 to 1."""
    most = max([*values, 0.0]) or 1.0
    least = min((one for one in values if one > 0), default=most)
    if most / least <= WIDE:
        return lambda value: value / most
    low, high = log10(least) - 0.1, log10(most)
    return lambda value: max(0.0, (log10(value) - low) / (high - low)) if value > 0 else 0.0


def _told(one: Moment, say: Say) -> str:
    """A moment in words."""
    named = ((one.seen, "seen"), (one.usual, "usual"), (one.most, "usual at most"))
    parts = ", ".join(f"{say(name)} {amount(value)}" for value, name in named if value is not None)
    return f"{one.alert.start[:16].replace('T', ' ')} UTC: {parts}"
