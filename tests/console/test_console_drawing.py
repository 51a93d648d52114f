"""The picture of an alert on its page: nothing in it is printed over something else."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

from alerts.explaining_shapes import Lanes, Picture, Point
from console.drawing import NARROW_PAGE, WIDE_PAGE, draw, in_words
from console.words import Words

LETTER = 6.0  # at least as wide is a letter of a tick or a value
TRAVEL = Picture(
    "Impossible travel activity",
    "uma, 2026-01-23 14:00 UTC, high",
    [Lanes("Places", [Point("DE 192.0.2.1", 1e9), Point("KZ 192.0.2.2", 1e9 + 2958)], "5,070 km, 49.3 minutes, 6,170 km/h")],
)  # fmt: skip


def spans(picture: ElementTree.Element) -> dict[float, list[tuple[float, float]]]:
    """From where to where each line of text goes, by its height."""
    lines: dict[float, list[tuple[float, float]]] = {}
    for one in picture.iter("text"):
        wide = len("".join(one.itertext())) * LETTER
        part = {"start": 0.0, "middle": 0.5, "end": 1.0}[one.get("text-anchor") or "start"]
        begin = float(one.get("x") or 0) - part * wide
        lines.setdefault(float(one.get("y") or 0), []).append((begin, begin + wide))
    return lines


def test_distance_and_speed_of_a_travel_can_be_read_beside_its_times() -> None:
    wide, narrow = ElementTree.fromstring(f"<both>{draw(TRAVEL)}</both>")
    for picture, width in ((wide, WIDE_PAGE.width), (narrow, NARROW_PAGE.width)):
        said = ["".join(one.itertext()) for one in picture.iter("text")]
        assert "5,070 km, 49.3 minutes, 6,170 km/h" in said
        height = float((picture.get("viewBox") or "").split()[3])
        for y, line in spans(picture).items():
            assert y < height, "it stands below the picture, where nobody sees it"
            assert all(begin >= 0 and end <= width + 1 for begin, end in line)
            assert all(first[1] <= second[0] for first, second in pairwise(sorted(line))), said


def test_what_is_said_of_a_travel_is_in_the_readers_language() -> None:
    assert "5,070 km, 49.3 分, 6,170 km/h" in draw(in_words(TRAVEL, Words("ja").said))
