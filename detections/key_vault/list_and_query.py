"""Secrets are listed, then many of them are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from detections.declare import Detection, Finding, Stated
from detections.key_vault.callers import caller_of, who
from detections.key_vault.evidence import REMEDIATION, common_address, finding
from detections.key_vault.habits import (
    RARE,
    REPEATED,
    TELLS_AGAIN,
    TELLS_PASSING,
    chance,
    habit,
    is_new,
    largest_before,
    mature,
    nearly_before,
    size_key,
    told_nearly,
)
from detections.key_vault.operations import LISTS, audits, in_order, succeeded
from detections.view import Act, Hour

# People and applications apart: builds with new identities each day must not excuse a person.
TABLES = {False: "vault_list_queries", True: "vault_list_queries_people"}
ANYONE = "anyone"
LISTING = frozenset({"SecretList"})
WINDOW_US = 10 * 60 * 1_000_000
QUICK_US = 60 * 1_000_000
FEWEST = 8
FEWEST_QUICK = 5  # within a minute: a person who looks for something does not read so fast
OFTEN = 0.5  # decayed times that anyone did as much, flagged ones not counted, before it is quite usual


class Dump(NamedTuple):
    """What one caller listed, and read within ten minutes after."""

    caller: str
    person: bool
    acts: list[Act]
    names: frozenset[str]  # items of the secrets read


def dumped(hour: Hour) -> list[Dump]:
    """The dumps that end in this hour or the one before; ask by `hour.once(dumped)`."""
    if hour.saw_before(LISTING) or (hour.saw(LISTING) and _who_listed_read(hour)):
        return list(dumps(hour.with_recent()))
    return []


def _who_listed_read(hour: Hour) -> bool:
    """Whether one who listed in this hour may have read enough in it; groups don't tell of what, and when."""
    listed: set[str] = set()
    read: Counter[str] = Counter()
    for group in succeeded(audits(hour.groups)):
        if group.event.operation in LISTING:
            listed.add(who(group.event))
        elif group.event.operation == "SecretGet":
            read[who(group.event)] += group.count
    return any(read[one] >= FEWEST_QUICK for one in listed)


def dumps(acts: Iterable[Act]) -> Iterator[Dump]:
    """Each caller's largest dump."""
    own: dict[str, list[Act]] = {}
    for act in succeeded(audits(acts)):
        own.setdefault(who(act.event), []).append(act)
    for caller in sorted(own):
        found = largest(caller, own[caller]) if caller else None
        if found is not None:
            yield found


def largest(caller: str, acts: list[Act]) -> Dump | None:
    """The ten minutes after a listing in which most different secrets were read."""
    lists = [act for act in acts if act.event.operation == "SecretList"]
    gets = sorted((act for act in acts if act.event.operation == "SecretGet"), key=lambda act: act.first_us)
    if not lists or len(gets) < FEWEST_QUICK:
        return None
    best: Dump | None = None
    for start in sorted({at for act in lists for at in (act.first_us, act.last_us)}):
        read = [act for act in gets if act.last_us >= start and act.first_us <= start + WINDOW_US]
        names = frozenset(act.event.item for act in read if act.event.item)
        if _enough(read, start) and (best is None or len(names) > len(best.names)):
            listing = [act for act in lists if act.first_us <= start <= act.last_us]
            best = Dump(caller, bool(caller_of(acts[0].event).user), listing + read, names)
    return best


def _enough(read: list[Act], start: int) -> bool:
    quick = {act.event.item for act in read if act.first_us <= start + QUICK_US}
    return len({act.event.item for act in read}) >= FEWEST or len(quick) >= FEWEST_QUICK


def _keys(hour: Hour, person: bool) -> set[str]:
    own = [dump for dump in hour.once(dumped) if dump.person == person]
    return {size_key(who, len(dump.names)) for dump in own for who in (dump.caller, ANYONE)}


def _observe_applications(hour: Hour) -> set[str]:
    return _keys(hour, person=False)


def _observe_people(hour: Hour) -> set[str]:
    return _keys(hour, person=True)


def judge(hour: Hour) -> Finding | None:
    """Dumps that take part in this hour, were not there before it, and are unusual for their caller."""
    if not hour.once(dumped):
        return None
    told = {dump.caller: len(dump.names) for dump in dumps(hour.recent)}
    unusual = [
        dump
        for dump in hour.once(dumped)
        if len(dump.names) > 2 * told.get(dump.caller, 0) and _unusual(hour, dump)
    ]
    return _found(hour, unusual) if unusual else None


def _unusual(hour: Hour, dump: Dump) -> bool:
    if not mature(hour):
        return _clearly_bad(hour, dump)
    model = hour.models[TABLES[dump.person]]
    if nearly_before(hour, model, dump.caller, len(dump.names)):
        return False
    return chance(model, hour.hour) < RARE or not nearly_before(hour, model, ANYONE, len(dump.names), OFTEN)


def _clearly_bad(hour: Hour, dump: Dump) -> bool:
    """Before there is a history: a person lists keys as well as secrets and reads on, as both toolkits do."""
    own = [act for act in succeeded(audits(hour.with_recent())) if who(act.event) == dump.caller]
    listed = {act.event.operation for act in own} & LISTS
    key = size_key(dump.caller, len(dump.names))
    return dump.person and len(listed) > 1 and is_new(hour.models[TABLES[True]], key, hour.hour)


def _found(hour: Hour, unusual: list[Dump]) -> Finding:
    acts = in_order(act for dump in unusual for act in dump.acts)
    most = max(unusual, key=lambda dump: (len(dump.names), dump.caller))
    model = hour.models[TABLES[most.person]]
    evidence: dict[str, Any] = {
        "distinct_secrets": len(most.names),
        "usual": {
            "most_by_this_caller_before": largest_before(model, most.caller),
            "most_by_anyone_before": largest_before(model, ANYONE),
            "among": "people" if most.person else "applications",
            "chance_of_a_new_one": round(chance(model, hour.hour), 4),
        },
    }
    known = chance(model, hour.hour) if mature(hour) else None
    said = [
        told_nearly(hour, hour.models[TABLES[dump.person]], dump.caller, len(dump.names)) for dump in unusual
    ]
    if all(said):
        evidence["against"] = sorted({*said})
    held = [
        (TABLES[dump.person], size_key(whose, len(dump.names)))
        for dump in unusual
        for whose in (dump.caller, ANYONE)
    ]
    return finding(
        hour, acts, evidence, improbability=known, held=held, severity=REPEATED if all(said) else None
    )


DETECTION = Detection(
    type="key_vault.list_and_query",
    microsoft="KV_ListGetAnomaly",
    owner="vault",
    severity="medium",
    title="Suspicious secret listing and query in a key vault",
    description=(
        "{who} listed the secrets of the vault {entity}, from {from}, and read {distinct_secrets} "
        "different ones within ten minutes."
    ),
    explanation=(
        f"Looks for a listing of secrets and, within ten minutes, reads of at least {FEWEST} different ones by "
        f"the same caller, or of {FEWEST_QUICK} within a minute: that is how a vault is dumped. Callers who read about as many in this "
        "way before (backups, deployments), and vaults where new callers of that kind often do, are "
        f"left alone. {TELLS_AGAIN}{TELLS_PASSING}In the first two weeks only a person who lists keys too counts. It cannot see a "
        "slow dump, or one by a caller who knows the names."
    ),
    tactics=("CredentialAccess", "Discovery"),
    techniques=("T1555.006",),
    remediation=REMEDIATION,
    judge=judge,
    only_with=LISTING,
    baselines=(habit(TABLES[False], _observe_applications), habit(TABLES[True], _observe_people)),
    confirm=common_address,
    stated=Stated(),
)
