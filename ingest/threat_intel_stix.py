"""STIX 2 bundles: the addresses for which an indicator's pattern, or what it is based on, stands.

An address is taken where seeing it alone fulfils the pattern. Ports and protocols beside it only narrow the
pattern and are left out; an address that is asked for together with a file, a domain or another address is
no indicator by itself, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import compress
from typing import Any, NamedTuple

from stix2patterns.exceptions import ParseException
from stix2patterns.v21.grammars.STIXPatternVisitor import STIXPatternVisitor
from stix2patterns.v21.pattern import Pattern

from ingest.networks import ALWAYS_US, FOREVER_US
from ingest.threat_intel_feeds import Taken
from ingest.times import epoch_us

MAX_PATTERN = 100_000  # characters, of what is read by the grammar
# The commonest patterns by far, addresses joined by OR, are read a hundred times as fast as by the grammar.
_TEST = r"ipv[46]-addr:value\s*=\s*'[0-9A-Fa-f:./]+'"
_GROUP = rf"\[\s*{_TEST}(?:\s+OR\s+{_TEST})*\s*\]"
_LIST = re.compile(rf"{_GROUP}(?:\s+OR\s+{_GROUP})*")
_QUOTED = re.compile(r"'([^']+)'")
_ADDRESSES = re.compile(r"ipv[46]-addr|network-traffic")
_TYPES = ("ipv4-addr", "ipv6-addr")
_ENDS = re.compile(r"(?:ipv[46]-addr:|network-traffic:(?:src|dst)_ref\.)value")
# They say which part of an address's traffic is meant, and need nothing else to be seen.
_NARROWS = re.compile(r"network-traffic:(?:(?:src|dst)_ref\.type|(?:src|dst)_port|protocols\b.*|is_active)")


class Value(NamedTuple):
    """An address or CIDR, and the time that the pattern itself sets for it."""

    text: str
    start_us: int = ALWAYS_US
    end_us: int = FOREVER_US


class Part(NamedTuple):
    """What a part of a pattern asks for."""

    values: tuple[Value, ...] = ()  # any one of which fulfils it
    narrows: bool = False  # it only narrows what stands beside it
    problem: str = ""  # why addresses in it are no indicators


_OTHER = Part()  # something else than addresses


def is_stix(content: Any) -> bool:
    """Whether decoded JSON is a bundle, or a TAXII envelope."""
    return isinstance(content, dict) and isinstance(content.get("objects"), list)


def read_stix(bundle: Mapping[str, Any], taken: Taken) -> None:
    """Add the addresses of a bundle's indicators."""
    objects = _newest(bundle["objects"])
    by_id = {str(item.get("id")): item for _, item in objects}
    based_on = _based_on(by_id)
    for number, item in objects:
        if item.get("type") == "indicator":
            _read_indicator(item, number, based_on.get(str(item.get("id")), ()), taken)


def _newest(items: Iterable[Any]) -> list[tuple[int, dict[str, Any]]]:
    """The newest version of each object, with its number in the bundle (counted from 1).

    There are reports that give one id to two indicators of the same time: then both count.
    """
    found = [(number, item) for number, item in enumerate(items, 1) if isinstance(item, dict)]
    newest: dict[str, str] = {}
    versions = [(str(item.get("id", number)), str(item.get("modified", ""))) for number, item in found]
    for id_, modified in versions:
        newest[id_] = max(modified, newest.get(id_, ""))
    current = (newest[id_] == modified for id_, modified in versions)
    return list(compress(found, current))


def _based_on(objects: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Indicator id -> addresses in the observations that it is based on."""
    found: dict[str, list[str]] = {}
    for item in objects.values():
        if item.get("relationship_type") == "based-on" and item.get("revoked") is not True:
            values = _observed(str(item.get("target_ref")), objects)
            found.setdefault(str(item.get("source_ref")), []).extend(values)
    return found


def _observed(id_: str, objects: Mapping[str, dict[str, Any]]) -> list[str]:
    target = objects.get(id_, {})
    members: list[Any] = [target]
    if target.get("type") == "observed-data":
        refs, inside = target.get("object_refs"), target.get("objects")
        members = [objects.get(str(ref)) for ref in refs] if isinstance(refs, list) else []
        members += list(inside.values()) if isinstance(inside, dict) else []
    addresses = (item for item in members if isinstance(item, dict) and item.get("type") in _TYPES)
    return [value for item in addresses if isinstance(value := item.get("value"), str)]


def _read_indicator(item: Mapping[str, Any], number: int, observed: Iterable[str], taken: Taken) -> None:
    pattern = item.get("pattern")
    shown = pattern if isinstance(pattern, str) else str(item.get("id"))
    if item.get("revoked") is True or item.get("pattern_type", "stix") != "stix":
        return
    try:
        values = pattern_values(pattern) if isinstance(pattern, str) else []
        start_us, end_us = _time(item, "valid_from", ALWAYS_US), _time(item, "valid_until", FOREVER_US)
    except ValueError as error:
        taken.refuse(shown, number, str(error))
        return
    values += [Value(text) for text in observed]
    kinds = item.get("indicator_types")
    if values and isinstance(kinds, list) and "benign" in kinds:
        taken.refuse(shown, number, "is marked as benign")
        return
    for value in values:
        taken.add(value.text, number, max(start_us, value.start_us), min(end_us, value.end_us))


def _time(item: Mapping[str, Any], name: str, default_us: int) -> int:
    value = item.get(name)
    if value is None:
        return default_us
    found = epoch_us(value)
    if found is None:
        raise ValueError(f"has no time as {name}")
    return found


def pattern_values(pattern: str) -> list[Value]:
    """Addresses and networks each of which fulfils a pattern by itself; [] if it is about other things.

    Raises ValueError, with the reason, for a pattern that can't be read, and where an address is only part of
    what is asked for.

    >>> [value.text for value in pattern_values("[ipv4-addr:value IN ('198.51.100.1', '198.51.100.2')]")]
    ['198.51.100.1', '198.51.100.2']
    >>> pattern_values("[file:name = 'a.exe']")
    []
    """
    if _LIST.fullmatch(pattern.strip()):
        return [Value(text) for text in _QUOTED.findall(pattern)]
    if not _ADDRESSES.search(pattern):
        return []
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"is longer than {MAX_PATTERN:,} characters")
    try:
        part = Pattern(pattern).visit(_Reader())
    except ParseException as error:
        raise ValueError(f"is no STIX pattern ({str(error)[:100]})") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if part.problem:
        raise ValueError(part.problem)
    return list(part.values)


class _Reader(STIXPatternVisitor):  # type: ignore[misc]
    """Walks a parsed pattern; every visit gives a `Part`."""

    def visitPattern(self, ctx: Any) -> Part:  # noqa: N802 - the grammar's names
        return self._only(ctx)

    def visitObservationExpressions(self, ctx: Any) -> Part:  # noqa: N802
        return self._together(self._operands(ctx))

    visitObservationExpressionAnd = visitObservationExpressions  # noqa: N815

    def visitObservationExpressionOr(self, ctx: Any) -> Part:  # noqa: N802
        return _either(self._operands(ctx))

    def visitComparisonExpression(self, ctx: Any) -> Part:  # noqa: N802
        return _either(self._operands(ctx))

    def visitComparisonExpressionAnd(self, ctx: Any) -> Part:  # noqa: N802
        return self._together(self._operands(ctx))

    def visitObservationExpressionSimple(self, ctx: Any) -> Part:  # noqa: N802
        return self._only(ctx)

    visitObservationExpressionCompound = visitObservationExpressionSimple  # noqa: N815
    visitObservationExpressionRepeated = visitObservationExpressionSimple  # noqa: N815
    visitObservationExpressionWithin = visitObservationExpressionSimple  # noqa: N815
    visitPropTestParen = visitObservationExpressionSimple  # noqa: N815

    def visitObservationExpressionStartStop(self, ctx: Any) -> Part:  # noqa: N802
        part = self._only(ctx)
        qualifier = ctx.startStopQualifier()
        start, stop = (epoch_us(qualifier.TimestampLiteral(n).getText()[2:-1]) for n in (0, 1))
        if start is None or stop is None:
            raise ValueError("has no time after START or STOP")
        return part._replace(
            values=tuple(Value(v.text, max(v.start_us, start), min(v.end_us, stop)) for v in part.values)
        )

    def visitPropTestEqual(self, ctx: Any) -> Part:  # noqa: N802
        literal = ctx.primitiveLiteral().getText()
        return self._test(ctx, (literal,), bool(ctx.EQ()) and not ctx.NOT())

    def visitPropTestSet(self, ctx: Any) -> Part:  # noqa: N802
        literals = [child.getText() for child in ctx.setLiteral().primitiveLiteral()]
        return self._test(ctx, literals, not ctx.NOT())

    def visitPropTestIsSubset(self, ctx: Any) -> Part:  # noqa: N802
        return self._test(ctx, (ctx.StringLiteral().getText(),), not ctx.NOT())

    def _other(self, ctx: Any) -> Part:
        return self._test(ctx, (), False)

    visitPropTestOrder = _other  # noqa: N815
    visitPropTestLike = _other  # noqa: N815
    visitPropTestRegex = _other  # noqa: N815
    visitPropTestIsSuperset = _other  # noqa: N815
    visitPropTestExists = _other  # noqa: N815

    def _test(self, ctx: Any, literals: Iterable[str], names: bool) -> Part:
        """A single comparison; `names`: it says which values, not which ones not, or like what."""
        path = ctx.objectPath().getText()
        if _NARROWS.fullmatch(path):
            return Part(narrows=True)
        if not _ENDS.fullmatch(path):
            return _OTHER
        if not names:
            return Part(problem="asks for addresses in a way that names none (only =, IN and ISSUBSET do)")
        return Part(tuple(Value(_unquoted(literal)) for literal in literals))

    def _operands(self, ctx: Any) -> list[Part]:
        """Parts of a chain of one operator. It nests to the left: a list of a thousand must not recurse."""
        chain = []
        while type(first := ctx.getChild(0)) is type(ctx):
            chain.append(ctx.getChild(2))
            ctx = first
        last = [self.visit(child) for child in reversed(chain)]
        return [*self._parts(ctx), *(part for part in last if isinstance(part, Part))]

    def _parts(self, ctx: Any) -> list[Part]:
        found = (self.visit(child) for child in ctx.getChildren() if child.getChildCount())
        return [part for part in found if isinstance(part, Part)]

    def _only(self, ctx: Any) -> Part:
        parts = self._parts(ctx)
        return parts[0] if parts else _OTHER

    def _together(self, parts: list[Part]) -> Part:
        """All of them must be seen."""
        asking = [part for part in parts if not part.narrows]
        if not asking:
            return parts[0]
        if len(asking) == 1:
            return asking[0]
        if any(part.values or part.problem for part in asking):
            return Part(problem="asks for an address together with other things: alone it says nothing")
        return _OTHER


def _either(parts: list[Part]) -> Part:
    """One of them is enough. Ways without an address are no concern of ours."""
    if len(parts) == 1:
        return parts[0]
    values = tuple(value for part in parts for value in part.values)
    problem = "" if values else next((part.problem for part in parts if part.problem), "")
    return Part(values, all(part.narrows for part in parts), problem)


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("\\'", "'").replace("\\\\", "\\") if literal.startswith("'") else literal
