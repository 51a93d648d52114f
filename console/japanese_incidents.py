"""What an incident says (`alerts.incident`), in Japanese: its title, its summary and the steps of its story.

Where a text does not look as expected it stays as it is: it may be an alert's of an older version.
"""

from __future__ import annotations

import re

from alerts.stages import STAGES
from console.japanese import TEXTS
from console.japanese_matching import description, sentence

_SUMMARY = re.compile(r"([\d,]+) alerts? on (.+), (?:at ([^,]+)|from ([^,]+) to ([^,]+)) UTC\.")
_SUCH = re.compile(r"(.*[^ ]) ([\d,]+) such alerts, on (.+)\.", re.DOTALL)
_BETWEEN = re.compile(r", | and ")


def title(text: str) -> str:
    """The way that it went, or what its gravest alert is; and by whom."""
    what, colon, who = text.partition(": ")
    way = what.lower().split(", then ")
    said = " → ".join(TEXTS[stage] for stage in way) if set(way) <= set(STAGES) else sentence(what)
    return said + colon + who


def summary(text: str) -> str:
    """How many alerts on what, and when."""
    found = _SUMMARY.fullmatch(text)
    if found is None:
        return text
    number, about, at, begun, end = found.groups()
    on = "、".join(_counted(one) for one in _BETWEEN.split(about))
    when = at or f"{begun} ～ {end}"
    return f"{on}についてのアラート {number} 件、{when} UTC。"


def _counted(said: str) -> str:
    number, _, kind = said.partition(" ")
    return f"{TEXTS.get(kind.removesuffix('s'), kind)} {number} 件"


def step(type_: str, text: str) -> str:
    """The gravest alert's words, and how many more there are of its kind."""
    found = _SUCH.fullmatch(text)
    if found is None:
        return description(type_, text)
    said, number, names = found.groups()
    names, _, left = names.rpartition(" and ") if names.endswith(" more") else (names, "", "")
    on = names.replace(" and ", ", ") + (f" ほか {left.removesuffix(' more')} 件" if left else "")
    return f"{description(type_, said)} 同様のアラート {number} 件 (対象: {on})。"
