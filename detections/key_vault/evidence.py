"""What an alert about a vault shows: who, from where, which secrets and when; never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from detections.declare import Finding, Severity, Verdict
from detections.doubts import OTHERS, used_by
from detections.key_vault.callers import actors_of, caller_of
from detections.organisation import Organisation
from detections.view import Act, View
from detections.words import odds, rfc3339, rounded
from ingest.records import KEY_VAULT

MOST_SECRETS = 50
MOST_RECORDS = 20
MOST_CALLERS = 10

REMEDIATION = (
    (
        "Find out who the caller is: ask the owner of the account or application whether this was theirs, "
        "and look at where its last sign-ins came from."
    ),
    (
        "If nobody can vouch for it, cut it off: close the vault's firewall to the address, take the "
        "caller's access policy or role assignment on the vault away, end its sessions and replace its "
        "credentials."
    ),
    "Take the list of secrets in this alert, and look in the vault's audit log for others that it read.",
    (
        "Rotate each secret, key and certificate that was read, there and where it is used, and watch the "
        "systems that they open for log-ins with the old ones."
    ),
)


def secrets(acts: Iterable[Act]) -> tuple[list[dict[str, Any]], int]:
    """Objects that were touched, by name, with times: the earliest ones, and how many they were."""
    touched: dict[str, dict[str, Any]] = {}
    for act in acts:
        kind, _, name = act.event.item.partition("/")
        if not name:
            continue
        row = touched.get(act.event.item)
        if row is None:
            row = touched[act.event.item] = {"name": name, "kind": kind, "operations": {act.event.operation}}
            row |= {"count": act.count, "first": act.first_us, "last": act.last_us}
            continue
        row["first"] = min(row["first"], act.first_us)
        row["last"] = max(row["last"], act.last_us)
        row["count"] += act.count
        row["operations"].add(act.event.operation)
    rows = sorted(touched.values(), key=lambda row: (row["first"], row["kind"], row["name"]))
    return [_secret(row) for row in rows[:MOST_SECRETS]], len(rows)


def _secret(row: dict[str, Any]) -> dict[str, Any]:
    times = {"first": rfc3339(row["first"]), "last": rfc3339(row["last"])}
    return row | times | {"operations": sorted(row["operations"])}


def records(acts: Iterable[Act]) -> list[dict[str, Any]]:
    """Where the records stand that one may want to look at."""
    return [
        {
            "source": act.event.source,
            "offset": act.event.offset,
            "time": rfc3339(act.first_us),
            "operation": act.event.operation,
            "count": act.count,
        }
        for act in list(acts)[:MOST_RECORDS]
    ]


def described(act: Act) -> dict[str, Any]:
    """Who made a call: name, object id and application, as they came."""
    event = act.event
    return {
        "name": event.name,
        "object_id": event.principal,
        "kind": event.kind or ("user" if caller_of(event).user else "application"),
        "application": event.application,
    }


def callers(acts: Iterable[Act]) -> list[dict[str, Any]]:
    """Each caller with its number of operations, the busiest first."""
    counted: dict[tuple[str, str, str, str], int] = {}
    first: dict[tuple[str, str, str, str], Act] = {}
    for act in acts:
        event = act.event
        key = event.name, event.principal, event.kind, event.application
        first.setdefault(key, act)
        counted[key] = counted.get(key, 0) + act.count
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for said, act in first.items():
        row = described(act)
        folded = tuple(str(value).lower() for value in row.values())
        rows.setdefault(folded, row | {"operations": 0})["operations"] += counted[said]
    return [row for _, row in sorted(rows.items(), key=lambda pair: (-pair[1]["operations"], pair[0]))]


def places(acts: Iterable[Act]) -> list[dict[str, Any]]:
    """Addresses with country, client and what threat intelligence says, by address."""
    countries: dict[str, str] = {}
    clients: dict[str, set[str]] = {}
    listed: dict[str, set[str]] = {}
    for event in (act.event for act in acts):
        countries.setdefault(event.address, event.country)
        clients.setdefault(event.address, set()).add(event.client)
        listed.setdefault(event.address, set()).update(event.listed)
    return [
        {"address": address, "country": countries[address], "clients": sorted(clients[address] - {""})[:5]}
        | ({"listed": sorted(listed[address])} if listed[address] else {})
        for address in sorted(countries)
        if address
    ][:MOST_CALLERS]


def _name(first: dict[str, Any]) -> str:
    """The busiest caller's name for a sentence."""
    shown = (
        first["name"] or first["object_id"] or first["application"] or "a caller that the log does not name"
    )
    return shown if first["kind"] == "user" else f"application {shown}"


def story(acts: Sequence[Act]) -> dict[str, Any]:
    """The evidence that all of these alerts have in common."""
    operations: Counter[str] = Counter()
    for act in acts:
        operations[act.event.operation] += act.count
    touched, touched_total = secrets(acts)
    who, where = callers(acts), places(acts)
    return {
        "who": _name(who[0]),
        "callers": who[:MOST_CALLERS],
        "callers_total": len(who),
        "addresses": where,
        "from": ", ".join(_place(row) for row in where[:3]) or "an address that the log does not name",
        "operations": dict(sorted(operations.items(), key=lambda pair: (-pair[1], pair[0]))),
        "secrets": touched,
        "secrets_total": touched_total,
        "records": records(acts),
    }


def _place(row: dict[str, Any]) -> str:
    return f"{row['address']} ({row['country']})" if row["country"] else str(row["address"])


def history(view: View) -> dict[str, Any]:
    """Since when the entity's own history was learned."""
    return {"learned_since": rfc3339(view.since_us), "days_learned": rounded(view.days_learned)}


def finding(
    view: View,
    acts: Sequence[Act],
    evidence: dict[str, Any],
    *,
    improbability: float | None = None,
    denied: bool = False,
    severity: Severity | None = None,
    held: Iterable[tuple[str, str]] = (),
) -> Finding:
    """The finding that rests on these acts. `evidence` is added to what all of these alerts show."""
    chance = None if improbability is None else rounded(improbability)
    common = {"improbability": chance, "odds": odds(chance)}
    return Finding(
        evidence={} if view.brief else story(acts) | history(view) | common | evidence,
        first_us=min(act.first_us for act in acts),
        last_us=max(act.last_us for act in acts),
        count=sum(act.count for act in acts),
        improbability=chance,
        denied=denied,
        severity=severity,
        principals=_distinct(act.event.principal for act in acts),
        addresses=_distinct(act.event.address for act in acts),
        vaults=_distinct(act.event.vault for act in acts if act.event.layer == KEY_VAULT),
        held=tuple(sorted(set(held))),
        actors=() if view.brief else actors_of(acts),
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    by_id = {value.lower(): value for value in sorted(values, reverse=True) if value}
    return tuple(by_id[key] for key in sorted(by_id))[:100]


def common_address(found: Finding, organisation: Organisation) -> Verdict:
    """Says, as counter-evidence, that others in the organisation use the address."""
    excluding = found.principals[0] if len(found.principals) == 1 else ""
    others = {address: organisation.users_of_address(address, excluding) for address in found.addresses[:10]}
    against = tuple(used_by(count, address) for address, count in others.items() if count >= OTHERS)
    unknown = sorted(address for address, count in others.items() if not count)
    return Verdict(against=against, evidence={"addresses_new_to_organisation": unknown})
