"""People's work on alerts: which are looked for, and which are hidden by a rule. Pure: times are arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from alerts.alert import Alert

State = Literal["open", "true", "benign"]
Order = Literal["newest", "oldest", "severity"]
STATES = ("open", "true", "benign")
ORDERS = ("newest", "oldest", "severity")


class Key(NamedTuple):
    """An alert's place in a list."""

    grave: int
    start: str
    id: str


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts a list shows; what is None is not asked for."""

    type: str | None = None
    severity: str | None = None
    entity: str | None = None
    since: str | None = None  # RFC 3339, UTC; of the alert's start
    until: str | None = None
    state: State | None = None
    text: str | None = None
    incident: str | None = None
    hidden: bool = False  # those that a rule hides and withdrawn ones too
    order: Order = "newest"
    limit: int = 50
    after: Key | None = None  # what follows this one in the order
    look: int | None = None  # with `text`: how many of what the rest leaves are looked through


class Scope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule hides: an alert of which all that is said here is true."""

    type: str | None = None
    entity: str | None = None
    principal: str | None = None
    address: str | None = None
    application: str | None = None

    def __str__(self) -> str:
        said = msgspec.structs.asdict(self)
        return ", ".join(f"{name} {value}" for name, value in said.items() if value is not None)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A saved rule. After `expires` it hides nothing that comes; what it has hidden stays hidden."""

    id: int
    scope: Scope
    made: str
    who: str
    reason: str = ""
    expires: str | None = None

    def holds(self, now: str) -> bool:
        """Whether it hides what comes now."""
        return self.expires is None or now < self.expires


def words_of(alert: Alert) -> str:
    """What a search for a text looks through."""
    return "\n".join((alert.title, alert.description, alert.entity.id, alert.type)).lower()


def asked_for(asked: Filter, alert: Alert) -> bool:
    """Whether an alert of a file is asked for: what only a store knows (state, order, place) is not looked at."""
    return (
        (asked.type is None or alert.type == asked.type)
        and (asked.severity is None or alert.severity == asked.severity)
        and (asked.entity is None or alert.entity.id.lower() == asked.entity.lower())
        and (asked.since is None or alert.start >= asked.since)
        and (asked.until is None or alert.start < asked.until)
        and (asked.incident is None or alert.incident == asked.incident)
        and (asked.text is None or asked.text.lower() in words_of(alert))
    )


def matches(scope: Scope, alert: Alert) -> bool:
    """Whether a rule with this scope hides the alert. A scope that says nothing hides nothing."""
    if scope == Scope():
        return False
    entity = alert.entity.id.lower()
    if scope.type is not None and scope.type != alert.type:
        return False
    if scope.entity is not None and scope.entity.lower() != entity:
        return False
    named = [one.lower() for one in (scope.principal, scope.address, scope.application) if one is not None]
    return not named or set(named) <= {entity, *_words(alert.evidence)}


def hiding(rules: Sequence[Rule], alert: Alert, now: str) -> int | None:
    """The first rule that hides an alert which comes now."""
    return next((rule.id for rule in rules if rule.holds(now) and matches(rule.scope, alert)), None)


def named(value: Any, names: frozenset[str]) -> set[str]:
    """The texts that stand in the evidence under some names."""
    found, left = set[str](), [value]
    while left:
        match left.pop():
            case dict() as table:
                found |= {
                    one for name, one in table.items() if name in names and isinstance(one, str) and one
                }
                left += table.values()
            case list() | tuple() as items:
                left += items
    return found


def _words(value: Any) -> Iterator[str]:
    """Every text that stands in the evidence by itself, keys included: what is counted by name stands as one."""
    left = [value]
    while left:
        match left.pop():
            case str() as text:
                yield text.lower()
            case dict() as table:
                left += [*table, *table.values()]
            case list() | tuple() as items:
                left += items
