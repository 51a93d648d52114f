"""Callers that a vault does not know: one access is one of a new application, a new user, or a new pair.

What is told of them is in `newcomers_told`.

Who got in is remembered apart from who was turned away: an application that has been refused every five
minutes for a year is known to be refused, and is news on the day it gets in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from detections.key_vault.callers import Caller, caller_of
from detections.key_vault.habits import (
    DAY,
    RARE,
    TOLD_BEFORE,
    again,
    chance,
    is_new,
    known_keys,
    strange_again,
)
from detections.key_vault.known import (
    APPLICATION,
    PAIR,
    PEOPLES,
    REFUSED,
    TABLES,
    USER,
    key_of,
    keys_let_in,
    keys_of,
)
from detections.key_vault.met import met
from detections.key_vault.operations import audited, succeeded
from detections.key_vault.returns import arrived, chance_of_return, doubtful
from detections.management.clients import PUBLIC
from detections.view import Act, Hour

# A person who takes more than one counts up to here: after two colleagues' first visits one more is no rarity by
# itself. With two items it makes a low alert. So does an application that has kept to other vaults until now.
MORE_THAN_ONE = 2
RARE_FOR_SEVERAL = 0.15
# Pairs are judged by more than the vault's habits (`confirm`): whoever uses the application elsewhere is left alone.
RARE_PAIR = 0.15


class Newcomer(NamedTuple):
    """A caller that is new to the vault, at its level, and the chance of such a newcomer."""

    level: str
    key: str
    acts: list[Act]
    chance: float
    denied: bool
    seen: str = ""  # it was here before, and why that says little


def newcomers(hour: Hour) -> list[Newcomer]:
    """Callers of this hour that are unusually new, each once, at the first level at which it is.

    In a vault's first hour nobody is: a table without a key says of each that it is as likely as not.
    """
    return list(_newcomers(hour)) if hour.events_before else []


def _newcomers(hour: Hour) -> Iterator[Newcomer]:
    for caller in sorted(_strangers(hour)):
        new = _newcomer(hour, caller, denied=caller not in hour.once(met).let_in)
        if new is not None:
            own = hour.once(_acts_of).get(caller, [])
            yield new._replace(acts=own if new.denied else succeeded(own))


def _strangers(hour: Hour) -> list[Caller]:
    """The callers of which something is new here; most hours have none."""
    seen = hour.once(met)
    if not seen.refused and not any(hour.once(arrived).values()):
        return []
    callers = seen.let_in | seen.refused
    keys = hour.once(keys_let_in) if len(callers) == len(seen.let_in) else keys_of(callers)
    doubts = hour.once(doubtful)
    new = {
        level: {*strange_again(hour.models[table], keys[level], hour.hour), *doubts[level]}
        for level, table in TABLES.items()
    }
    if not any(new.values()):
        return []
    return [caller for caller in callers if any(key_of(level, caller) in new[level] for level in TABLES)]


def _newcomer(hour: Hour, caller: Caller, denied: bool) -> Newcomer | None:
    """The caller as a newcomer, its acts still to be looked up; None if it is none.

    What is new comes before what was seen in passing: who is seldom here and takes a new way in is told for that.
    """
    return _stranger(hour, caller, denied) or (None if denied else _comes_back(hour, caller))


def _stranger(hour: Hour, caller: Caller, denied: bool) -> Newcomer | None:
    unknown: set[str] = set()
    for level, table in TABLES.items():
        key = key_of(level, caller)
        if not key or _anybodys(level, caller):
            continue
        told = again(hour.models[table], key, hour.hour)
        if not told and not is_new(hour.models[table], key, hour.hour):
            continue
        unknown.add(level)
        if level == PAIR and len(unknown) > 1:
            return None  # a pair is new as a pair only where both of it are known
        odds = _refused_chance(hour, level, caller) if denied else chance_of(hour, level, caller)
        if told or _is_rare(hour, caller, level, odds, denied=denied):
            return Newcomer(level, key, [], odds, denied, TOLD_BEFORE if told else "")
    return None


def _comes_back(hour: Hour, caller: Caller) -> Newcomer | None:
    for level, seen in hour.once(doubtful).items():
        key = key_of(level, caller)
        if key not in seen or _anybodys(level, caller):
            continue
        odds = max(chance_of(hour, level, caller), chance_of_return(hour, level, key))
        if odds < RARE:
            return Newcomer(level, key, [], odds, False, seen[key])
    return None


def _is_rare(hour: Hour, caller: Caller, level: str, odds: float, *, denied: bool) -> bool:
    """Whether somebody new at that level is told, at such a chance. What it takes is asked only where it matters."""
    if level == PAIR:
        return odds < RARE_PAIR
    if odds < RARE or odds >= RARE_FOR_SEVERAL:
        return odds < RARE
    return _may_be_less_rare(level, caller, denied) and _takes_several(hour, caller)


def _may_be_less_rare(level: str, caller: Caller, denied: bool) -> bool:
    """A person; an application by itself, of which `confirm` asks whether it has vaults of its own."""
    return not denied and (level == USER or (level == APPLICATION and not caller.user))


def _takes_several(hour: Hour, caller: Caller) -> bool:
    taken = {act.event.item for act in succeeded(hour.once(_acts_of).get(caller, ()))}
    return sum("/" in item for item in taken) >= MORE_THAN_ONE


def _acts_of(hour: Hour) -> dict[Caller, list[Act]]:
    """Each caller's acts: where everybody is new, to go through all acts for each would never end."""
    own: dict[Caller, list[Act]] = {}
    for act in hour.once(audited):
        own.setdefault(caller_of(act.event), []).append(act)
    return own


def _anybodys(level: str, caller: Caller) -> bool:
    """The portal or a command line in a person's hands is no application of its own: the user counts, and the pair."""
    return level == APPLICATION and bool(caller.user) and caller.application in PUBLIC


def chance_of(hour: Hour, level: str, caller: Caller) -> float:
    """Chance of a newcomer at this level.

    Pairs need more than Good and Turing: where people change between portal and command line as they please,
    each has been seen with one of the two for long before the other comes. So how many have already taken a
    second application counts too.
    """
    model = hour.models[table_of(level, caller)]
    new = chance(model, hour.hour)
    if level != PAIR:
        return new
    known = known_keys(model, hour.hour)
    seconds = len(known) - len({key.split("|", 1)[0] for key, _ in known})
    days = model.weight(DAY, hour.hour)
    return max(new, (seconds + 0.5) / float(days + sum(weight for _, weight in known) + 1))


def table_of(level: str, caller: Caller) -> str:
    return PEOPLES if level == APPLICATION and caller.user else TABLES[level]


def _refused_chance(hour: Hour, level: str, caller: Caller) -> float:
    """Chance of so new a caller where it was refused; 1 where it has been refused before."""
    refused = hour.models[REFUSED]
    if not is_new(refused, f"{level}|{key_of(level, caller)}", hour.hour):
        return 1.0
    return max(chance_of(hour, level, caller), chance(refused, hour.hour))
