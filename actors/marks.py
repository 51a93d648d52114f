"""What analysts have marked benign, and what the shard that owns the entity makes of it.

A shard remembers of its latest findings what they held back from the baselines. From the hour on from which a mark
holds, the baselines have what was held back, and what the finding saw raises no alert: exactly that, no more of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from actors.judging import HELD_WEIGHT
from actors.keys import entity_key
from actors.messages import Found
from baselines.base import own

FOR_EVER = 1 << 40  # an hour that never comes
MOST_WORDS = 64  # findings of one entity that are remembered; those marked benign go last
MOST_ADDRESSES = 16  # remembered of one
FEW_ADDRESSES = 3  # up to so many peers are what was marked; of more their number is
MORE = 1.25  # times the marked level: hours differ, and a half more is news


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """A mark on an alert. The later of two on one alert, as they were made, is the one that counts."""

    kind: str
    entity: str
    type: str
    hour: int  # of the alert
    benign: bool  # else it takes back what was said before
    since: int  # the first hour that is judged by it: no sooner than the one after the alert's
    until: int = FOR_EVER
    said: str = ""  # by whom and when


class Word(msgspec.Struct, array_like=True, frozen=True):
    """What a finding held back."""

    type: str
    hour: int
    count: int
    held: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, one: Found) -> Word:
        """What is remembered of a finding."""
        finding = one.finding
        return cls(one.type, one.hour, finding.count, finding.held, finding.addresses[:MOST_ADDRESSES])


Holding = Mapping[tuple[str, int], Mark]  # the marks that hold in an hour, by the alert's type and hour
NONE: Holding = {}


class Marks:
    """All marks, by entity."""

    def __init__(self) -> None:
        self._of: dict[str, list[Mark]] = {}

    def set(self, marks: Iterable[Mark]) -> None:
        """In place of those that were known; in the order in which they were made."""
        self._of = {}
        for mark in marks:
            self._of.setdefault(entity_key(mark.kind, mark.entity), []).append(mark)

    def holding(self, key: str, hour: int) -> Holding:
        """Those on an entity's alerts that say 'benign' in that hour."""
        marks = self._of.get(key)
        if marks is None:
            return NONE
        last = {(one.type, one.hour): one for one in marks if one.since <= hour}
        return {place: one for place, one in last.items() if one.benign and hour < one.until}


def excuse(found: Iterable[Found], words: Iterable[Word], holding: Holding) -> None:
    """Say of each finding that is what was marked that it is, and let the baselines learn it as anything else."""
    if not holding:
        return
    marked = [word for word in words if (word.type, word.hour) in holding]
    for one in found:
        same = [word for word in marked if word.type == one.type]
        if same and _is_that(one, same):
            mark = holding[same[-1].type, same[-1].hour]
            one.excused = f"this was {mark.said}"
            one.finding.held = ()


def _is_that(one: Found, same: list[Word]) -> bool:
    """Whether all that a finding holds back was marked: what was new, and the level of what was too much."""
    keys = {pair for word in same for pair in word.held if pair[1]}
    return bool(one.finding.held) and all(
        pair in keys if pair[1] else any(pair in word.held and _is_as_much(one, word) for word in same)
        for pair in one.finding.held
    )


def _is_as_much(one: Found, word: Word) -> bool:
    """No more than was marked; of a resource with a few peers, from or to those alone."""
    few = one.kind == "resource" and len(word.addresses) <= FEW_ADDRESSES
    if few and not set(one.finding.addresses) <= set(word.addresses):
        return False
    return one.finding.count <= MORE * word.count


def remembered(words: list[Word], found: Iterable[Found], holding: Holding) -> list[Word]:
    """The words with what these findings hold back; what is too many goes, the oldest first."""
    new = [Word.of(one) for one in found if one.finding.held and not one.learning]
    if not new:
        return words
    words = [*words, *new]
    if (over := len(words) - MOST_WORDS) > 0:
        order = sorted(range(len(words)), key=lambda at: ((words[at].type, words[at].hour) in holding, at))
        gone = set(order[:over])
        words = [word for at, word in enumerate(words) if at not in gone]
    return words


def make_up(models: dict[str, Any], words: Iterable[Word], holding: Holding, last: int) -> None:
    """Teach the baselines what they were taught slowly, of what is marked since an entity's last hour."""
    for word in words:
        mark = holding.get((word.type, word.hour))
        if mark is None or mark.since <= last:
            continue
        for name, key in word.held:
            if key and name in models:
                own(models, name).make_up(key, word.hour, 1.0 - HELD_WEIGHT)
