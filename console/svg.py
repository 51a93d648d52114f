"""Pictures as SVG that follows the page's own style sheet: no style in them, and every text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from markupsafe import Markup, escape

_numbers = count(1)
Value = str | float | int


def element(name: str, *inside: str, **attributes: Value) -> Markup:
    """An element. `class_` is the attribute class; what is inside is escaped, unless it is an element itself."""
    said = Markup("").join(
        Markup(' {}="{}"').format(Markup(key.rstrip("_").replace("_", "-")), _shown(value))
        for key, value in attributes.items()
    )
    body = Markup("").join(escape(one) for one in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), said, body)


def picture(
    width: float,
    height: float,
    title: str,
    words: str,
    parts: Iterable[Markup],
    class_: str = "chart",
    **more: Value,
) -> Markup:
    """The whole of one; `words` say what it shows to who can't see it."""
    number, inside = next(_numbers), Markup("").join(parts)
    return element(
        "svg",
        element("title", title, id=f"t{number}"),
        element("desc", words, id=f"d{number}"),
        inside,
        viewBox=f"0 0 {_shown(width)} {_shown(height)}",
        role="group" if "<a " in inside else "img",  # an image has nothing that can be followed
        aria_labelledby=f"t{number} d{number}",
        class_=class_,
        **more,
    )


def text(x: float, y: float, said: str, class_: str = "", anchor: str = "start") -> Markup:
    """A line of text."""
    return element("text", said, x=x, y=y, class_=class_, text_anchor=anchor)


def hint(said: str) -> Markup:
    """What a pointer that rests on it sees."""
    return element("title", said)


def rect(x: float, y: float, width: float, height: float, class_: str, *inside: str, rx: float = 0) -> Markup:
    """A bar."""
    return element(
        "rect", *inside, x=x, y=y, width=max(width, 0), height=max(height, 0), rx=rx, class_=class_
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def fitted(said: str, width: float, letter: float = 7.3) -> str:
    """A name cut in its middle to a width: both ends tell it from others. Wide letters count twice.

    >>> fitted("vm-reporting-36", 60)
    'vm-r…-36'
    """
    room = int(width / letter)
    if _wide(said) <= room:
        return said
    kept = said[:200]
    while kept and _wide(kept) > room - 1:
        middle = len(kept) // 2
        kept = kept[:middle] + kept[middle + 1 :]
    middle = (len(kept) + 1) // 2
    return kept[:middle] + "…" + kept[middle:]


def _wide(said: str) -> int:
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in said)


def _shown(value: Value) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
