"""Sentences of explanations and pictures, said in Japanese by what they look like: alerts of any age are in English."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from string import Formatter

from console.japanese import TITLES
from console.japanese_detections import DESCRIPTIONS
from console.japanese_sentences import CHOICES, PARTS, SENTENCES
from detections.catalogue import CATALOGUE

_NUMBER = r"[+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?%?"
_LONGEST = 4_000  # letters: what is longer is no sentence of ours


def sentence(text: str) -> str:
    """A line of an explanation or a picture; as it is where we know no other words."""
    return _titles().get(text.lower()) or _said(text, SENTENCES)


def description(type_: str, text: str) -> str:
    """An alert's description."""
    detection = CATALOGUE.get(type_)
    if detection is None or type_ not in DESCRIPTIONS:
        return text
    return _put(text, detection.description, DESCRIPTIONS[type_]) or text


def _said(text: str, known: Mapping[str, str]) -> str:
    if text in known and "{" not in text:
        return known[text]
    if len(text) > _LONGEST:
        return text
    return next((said for one in known if "{" in one and (said := _put(text, one, known[one]))), text)


def _put(text: str, english: str, japanese: str) -> str:
    """`text` is `english` with values: `japanese` with the same; '' where it is not."""
    found = _pattern(english).fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return ""
    values = {name: phrase(value) for name, value in found.groupdict().items()}
    # Not by format(): what an alert says may look like a field.
    return "".join(said + (values[name] if name else "") for said, name, _ in _pieces(japanese))


@cache
def _pieces(template: str) -> list[tuple[str, str | None, str]]:
    """Its words, each with the value that follows them."""
    found = [(said, name, spec or "") for said, name, spec, _ in Formatter().parse(template)]
    return found if found and found[-1][1] is None else [*found, ("", None, "")]


def phrase(value: str) -> str:
    """What stands in a sentence or in the evidence; as it is where it is not made of words of ours."""
    low = value[:1].lower() + value[1:]  # at a sentence's beginning
    if (said := _said(low, PARTS)) != low:
        return said
    return ", ".join(PARTS.get(item) or _titles().get(item, item) for item in value.split(", "))


@cache
def _titles() -> dict[str, str]:
    return {one.title.lower(): TITLES[one.type] for one in CATALOGUE.values() if one.type in TITLES}


@cache
def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("".join(_regex(english)), re.DOTALL)


def _regex(english: str) -> Iterator[str]:
    """Linear in time, whatever stands in an alert: a value ends at the first place where what follows it is met."""
    pieces = _pieces(english)
    seen: set[str] = set()
    yield re.escape(pieces[0][0])
    for place, (_, name, spec) in enumerate(pieces):
        if name is None:
            continue
        following, then = pieces[place + 1][:2] if place + 1 < len(pieces) else ("", None)
        following = re.escape(following) + (f"(?={CHOICES[then]})" if then in CHOICES else "")
        last = place + 2 >= len(pieces)
        value = f"(?P={name})" if name in seen else f"(?P<{name}>{_value(name, spec, last)})"
        seen.add(name)
        yield value + following if last or name in CHOICES else f"(?>{value}{following})"


def _value(name: str, spec: str, last: bool) -> str:
    if "|" in spec:
        return rf"[\d,]+ (?:{'|'.join(map(re.escape, spec.split('|')))})"
    if name in CHOICES:
        return CHOICES[name]
    if name == "n" or name.startswith("n_"):
        return _NUMBER
    return ".+" if last else ".+?"
