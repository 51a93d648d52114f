"""The shapes that a picture of an alert is made of, as plain values, and the same in words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from alerts.explaining_evidence import amount
from detections.words import rfc3339

Mark = Literal["seen", "usual", "limit", "other", "new"]


class Bar(NamedTuple):
    """One number."""

    label: str
    value: float
    mark: Mark


class Bars(NamedTuple):
    """Numbers of one unit."""

    title: str
    bars: list[Bar]
    share: bool = False  # values are shares of 1


class Point(NamedTuple):
    """Something that happened."""

    lane: str
    at_s: float
    mark: Mark = "seen"
    until_s: float | None = None  # a span, not a moment


class Lanes(NamedTuple):
    """What happened when, a lane for each kind; `joined`: from one point to the next, with what is said there."""

    title: str
    points: list[Point]
    joined: str = ""

    @property
    def names(self) -> list[str]:
        """The lanes, in the order in which they are first needed."""
        return list(dict.fromkeys(point.lane for point in self.points))


Panel = Bars | Lanes


class Picture(NamedTuple):
    """A title, whom and when it is about, and panels one under the other."""

    title: str
    about: str
    panels: list[Panel]


def described(shown: Picture) -> str:
    """All that a picture shows, in words."""
    return " ".join([f"{shown.title}: {shown.about}.", *map(_in_words, shown.panels)])


def _in_words(panel: Panel) -> str:
    if isinstance(panel, Bars):
        told = [f"{bar.label} {shown_value(bar.value, panel.share)}" for bar in panel.bars]
        return f"{panel.title}: {'; '.join(told)}."
    parts = []
    for name in panel.names:
        own = sorted(point.at_s for point in panel.points if point.lane == name)
        last = max(point.until_s or point.at_s for point in panel.points if point.lane == name)
        span = f"at {when(own[0])}" if last == own[0] else f"from {when(own[0])} to {when(last)}"
        parts.append(f"{name}, {len(own):,} times, {span}" if len(own) > 1 else f"{name} {span}")
    return f"{panel.title}: {'; '.join(parts)}." + (f" {panel.joined}." if panel.joined else "")


def shown_value(value: float, share: bool) -> str:
    """A bar's number for people."""
    return f"{value:.1%}" if share else amount(value)


def when(at_s: float) -> str:
    """A time for people."""
    return rfc3339(int(at_s) * 1_000_000).replace("T", " ").removesuffix("Z") + " UTC"
