"""Rights on a vault are changed, then its secrets are listed or read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from detections.declare import Detection, Finding, Stated
from detections.key_vault.callers import is_person, who
from detections.key_vault.evidence import REMEDIATION, finding
from detections.key_vault.habits import (
    PASSING,
    RARE,
    REPEATED,
    TELLS_AGAIN,
    TELLS_PASSING,
    TOLD_BEFORE,
    again,
    chance,
    habit,
    is_new,
    known_keys,
    mature,
    young,
)
from detections.key_vault.operations import (
    LISTS,
    MAKES,
    POLICY,
    READS,
    audits,
    grantees,
    in_order,
    is_policy_change,
    succeeded,
)
from detections.key_vault.releases import confirm
from detections.passing import seen_so
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import HOUR_US

# People and applications apart: deployments with new identities must not excuse a person.
TABLES = {False: "vault_policy_queries", True: "vault_policy_queries_people"}
SELF, GRANTEE = "self", "grantee"
DUMP_US = 30 * 60 * 1_000_000
DUMP_SECRETS = 5


class Sequence(NamedTuple):
    """Changes of policy by one principal, and what it or the grantee listed or read in the hour after."""

    key: str  # principal|relation
    changes: list[Act]
    reads: list[Act]

    @property
    def table(self) -> str:
        """The baseline that it belongs to, by who made the change."""
        return TABLES[is_person(self.changes[0].event)]


def sequences(acts: Iterable[Act]) -> list[Sequence]:
    """All sequences, by key. A secret that the reader itself made in that time is not what it is after."""
    all_acts = list(acts)
    changes = [act for act in all_acts if act.event.principal and is_policy_change(act.event)]
    if not changes:
        return []
    data = succeeded(audits(all_acts))
    made = {(act.event.principal.lower(), act.event.item) for act in data if act.event.operation in MAKES}
    wanted = [act for act in data if act.event.operation in READS | LISTS]
    reads = [act for act in wanted if (act.event.principal.lower(), act.event.item) not in made]
    found: dict[str, tuple[list[Act], list[Act]]] = {}
    for change in changes:
        _match(change, reads, found)
    return [Sequence(key, in_order(found[key][0]), in_order(found[key][1])) for key in sorted(found)]


def _present(hour: Hour) -> list[Sequence]:
    return sequences(hour.with_recent()) if hour.saw_lately(POLICY) else []


def _match(change: Act, reads: list[Act], found: dict[str, tuple[list[Act], list[Act]]]) -> None:
    principal = change.event.principal.lower()
    readers = grantees(change.event) | {principal}
    for read in reads:
        reader = read.event.principal.lower()
        in_time = read.last_us >= change.first_us and read.first_us <= change.last_us + HOUR_US
        if reader not in readers or not in_time:
            continue
        relation = SELF if reader == principal else GRANTEE
        changes, seen = found.setdefault(f"{who(change.event)}|{relation}", ([], []))
        changes.append(change)
        seen.append(read)


def _observe_applications(hour: Hour) -> set[str]:
    return {one.key for one in hour.once(_present) if one.table == TABLES[False]}


def _observe_people(hour: Hour) -> set[str]:
    return {one.key for one in hour.once(_present) if one.table == TABLES[True]}


def judge(hour: Hour) -> Finding | None:
    """Sequences whose reading began in this hour and which are unusual here."""
    if not hour.once(_present):
        return None
    told = {sequence.key for sequence in sequences(hour.recent)}
    found = [one for one in hour.once(_present) if _unusual(hour, one, one.key in told)]
    return _found(hour, found) if found else None


def _unusual(hour: Hour, sequence: Sequence, told: bool) -> bool:
    if told or not mature(hour):
        return is_dump(sequence) and _takes_part(hour, sequence) and _new(hour, sequence)
    model = hour.models[sequence.table]
    rare = chance(model, hour.hour) < RARE or again(model, sequence.key, hour.hour)
    return rare and _new(hour, sequence)


def _new(hour: Hour, sequence: Sequence) -> bool:
    return is_new(hour.models[sequence.table], sequence.key, hour.hour) or bool(_seen(hour, sequence))


def _seen(hour: Hour, sequence: Sequence) -> str:
    """Why a sequence that was seen before is told all the same; '' where it was not seen, or is known."""
    model = hour.models[sequence.table]
    if again(model, sequence.key, hour.hour):
        return TOLD_BEFORE
    if PASSING.holds(hour, model, sequence.key) or young(hour, model, sequence.key):
        return seen_so(model, sequence.key, "the same was done", "day")
    return ""


def _takes_part(hour: Hour, sequence: Sequence) -> bool:
    return any(act.last_us >= hour.start_us for act in sequence.changes + sequence.reads)


def is_dump(sequence: Sequence) -> bool:
    """Rights taken, secrets listed, many read, and the rights changed again: all within half an hour.

    That is what toolkits do, and what no deployment does: it works from the first minute.
    """
    listed = [act for act in sequence.reads if act.event.operation in LISTS]
    names = {act.event.item for act in sequence.reads if act.event.operation in READS}
    if not listed or len(names) < DUMP_SECRETS or not sequence.key.endswith(SELF):
        return False
    first, last = sequence.changes[0].first_us, max(act.last_us for act in sequence.changes)
    read_until = min(max(act.first_us for act in sequence.reads), first + DUMP_US)
    return read_until <= last <= first + DUMP_US and listed[0].first_us < last


def _found(hour: Hour, found: list[Sequence]) -> Finding:
    model = hour.models[found[0].table]
    changes = in_order(act for sequence in found for act in sequence.changes)
    reads = in_order(act for sequence in found for act in sequence.reads)
    dumped = any(is_dump(sequence) for sequence in found)
    only_listed = not any(act.event.operation in READS for act in reads)
    odds = chance(model, hour.hour) if mature(hour) else None
    said = [_seen(hour, one) for one in found]
    repeated = all(said)
    evidence = {
        "policy_changes": [_change(act) for act in changes[:20]],
        "relations": [sequence.key.rsplit("|", 1)[1] for sequence in found],
        "changed_back": dumped,
        "usual": {
            "sequences_known": len(known_keys(model, hour.hour)),
            "chance_of_a_new_one": rounded(chance(model, hour.hour)),
        },
        "against": sorted({*said}) if repeated else [],
    }
    return finding(
        hour,
        in_order(changes + reads),
        evidence,
        improbability=odds,
        severity="high" if dumped else REPEATED if repeated else "low" if only_listed else None,
        held=[(sequence.table, sequence.key) for sequence in found],
    )


def _change(act: Act) -> dict[str, object]:
    event = act.event
    return {
        "time": rfc3339(act.first_us),
        "operation": event.operation,
        "by": event.name or event.principal,
        "grantee": sorted(grantees(event)),
        "role": str(event.details.get("role_definition", "")),
    }


DETECTION = Detection(
    type="key_vault.policy_change_and_query",
    microsoft="KV_PutGetAnomaly",
    owner="vault",
    severity="medium",
    title="Suspicious policy change and secret query in a key vault",
    description=(
        "{who} changed who may use the vault {entity}, and within an hour its contents were listed or read "
        "(secrets and keys: {secrets_total}), from {from}."
    ),
    explanation=(
        "Looks for a change of a vault's access policy, or a role assignment on it in the Activity Log, "
        "followed within an hour by listing or reading of its contents by whoever made the change or was "
        "given the rights. Deployments that do this regularly, and vaults where new identities do, are left "
        f"alone; reading back what one has just written does not count; an application that often comes to new vaults, from its "
        f"own addresses, is one step lower. {TELLS_AGAIN}{TELLS_PASSING}So is what began in the last of them. In the first two weeks only the "
        "whole print of a dump counts: rights taken, secrets listed, five or more read, rights changed "
        "again, within half an hour. It cannot see a grant that is used later, or one at a wider scope than "
        "the vault."
    ),
    tactics=("CredentialAccess", "PrivilegeEscalation"),
    techniques=("T1555.006", "T1098.003"),
    remediation=(
        "Look at the change: who was given which rights on the vault, and whether there is a ticket for it.",
        (
            "If nobody can vouch for it, take the grant back, end the sessions of who made it and of who was "
            "given it, replace their credentials, and look for other grants that they made."
        ),
        *REMEDIATION[2:],
    ),
    judge=judge,
    only_with=POLICY,
    baselines=(habit(TABLES[False], _observe_applications), habit(TABLES[True], _observe_people)),
    confirm=confirm,
    stated=Stated(),
)
