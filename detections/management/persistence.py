"""A custom role with far-reaching rights is made and given to an identity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from detections.declare import AtOnce, Detection, Finding, Verdict
from detections.management.actions import ROLE_ASSIGNMENT, ROLE_DEFINITION, done, reaches_far
from detections.management.evidence import RECORDS, finding, told
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import rfc3339
from ingest.records import DENIED, FAILURE, Event

WITHIN_US = 7 * 86_400_000_000
_GIVES = frozenset({ROLE_ASSIGNMENT})
_MAKES_OR_GIVES = frozenset({ROLE_ASSIGNMENT, ROLE_DEFINITION})
ROWS = 500  # assignments of an hour that are looked at
_BUILT_IN = frozenset(  # Owner, Contributor, Reader, User Access Administrator: no custom roles
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    }
)


def role_of(act: Act) -> str:
    """The GUID of the role that is made or given, lower case; '' where the record does not say."""
    details = act.event.details
    said = str(details.get("role_definition", ""))
    if not said and act.event.operation == ROLE_DEFINITION:
        said = act.event.resource
    return said.lower().rstrip("/").rsplit("/", 1)[-1]


def judge(hour: Hour) -> Finding | None:
    """Assignments of roles that are not built in; whether the role is new and far-reaching is known later."""
    if not hour.saw(_GIVES):
        return None
    given = [a for a in hour.acts if a.event.operation == ROLE_ASSIGNMENT and a.event.outcome != FAILURE]
    given = [a for a in given if role_of(a) and role_of(a) not in _BUILT_IN]
    if not given:
        return None
    made = _made_here(hour)
    rows = [{**_row(a), "made": made.get(role_of(a))} for a in _each_role_first(given)[:ROWS]]
    return finding(
        hour, given, evidence={"roles": rows, "usual": "roles that were made long ago, or built-in ones"}
    )


def judge_at_once(hour: Hour) -> Finding | None:
    """The same, where the principal itself made a role of these in this hour: what others made may change yet."""
    found = judge(hour)
    return found if found and any(row["made"] for row in found.evidence.get("roles", ())) else None


def bears(event: Event) -> bool:
    """Whether a role is made or given."""
    return event.operation in _MAKES_OR_GIVES


def _each_role_first(given: list[Act]) -> list[Act]:
    """The first assignment of every role, then the second ones: many of one role must not hide another."""
    seen: Counter[str] = Counter()
    ranks = []
    for act in given:
        ranks.append(seen[role_of(act)])
        seen[role_of(act)] += 1
    return [given[at] for at in sorted(range(len(given)), key=lambda at: (ranks[at], at))]


def _row(act: Act) -> dict[str, Any]:
    details = act.event.details
    return {
        "role": role_of(act),
        "grantee": str(details.get("grantee", "")),
        "grantee_kind": str(details.get("grantee_kind", "")),
        "scope": str(details.get("scope", "")),
        "at_us": act.first_us,
        "denied": act.event.outcome == DENIED,
        "record": told(act),
    }


def _made_here(hour: Hour) -> dict[str, dict[str, Any]]:
    """Far-reaching roles that this principal made in this hour and the one before.

    The organisation knows the last definition of a closed hour: one that was narrowed since, or whose end was
    not logged yet, it does not.
    """
    made = {}
    for act in hour.with_recent():
        details = act.event.details
        if act.event.operation == ROLE_DEFINITION and done(act.event) and _far(details.get("actions", ())):
            about = {"principal": hour.entity, "name": str(details.get("role_name", ""))}
            made[role_of(act)] = {**about, "at_us": act.first_us, "actions": list(details["actions"])}
    return made


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """Keep the assignments of a far-reaching custom role that was made within the week before."""
    stories = []
    for one in sorted(found.evidence["roles"], key=lambda one: int(one["at_us"])):
        made = one["made"] or organisation.role_definition(one["role"])
        # A role that is made and given in one go may be logged in either order.
        if made is None or abs(one["at_us"] - int(made["at_us"])) > WITHIN_US:
            continue
        if far := _far(made.get("actions", ())):
            stories.append((one, _story(one, made, far)))
    if not stories:
        return Verdict(withheld="the role is not a far-reaching one that was made within the week before")
    refused = all(one["denied"] for one, _ in stories)
    first = stories[0][1]
    evidence = {
        "roles": [story for _, story in stories],
        "records": [one["record"] for one, _ in stories[:RECORDS]],
        "role_name": first["role_name"] or first["role"],
        "actions": ", ".join(first["far_reaching"][:5]),
        "grantee": first["grantee"] or "an identity that the record does not name",
        "gave": "tried to give" if refused else "gave",
    }
    grantees = {story["grantee"] for one, story in stories if not one["denied"]} - {""}
    steps = -1 if refused and not found.denied else 0
    return Verdict(evidence=evidence, steps=steps, principals=tuple(sorted(grantees)))


def _far(actions: Iterable[Any]) -> list[str]:
    return [str(action) for action in actions if reaches_far(str(action))]


def _story(one: dict[str, Any], made: dict[str, Any], far: list[str]) -> dict[str, Any]:
    return {
        "role": one["role"],
        "role_name": str(made.get("name", "")),
        "made_by": str(made.get("principal", "")),
        "made_at": rfc3339(int(made["at_us"])),
        "given_at": rfc3339(one["at_us"]),
        "grantee": one["grantee"],
        "grantee_kind": one["grantee_kind"],
        "scope": one["scope"],
        "far_reaching": far,
    }


DETECTION = Detection(
    type="management.persistence",
    microsoft="ARM_PrivilegedRoleDefinitionCreation",
    owner="principal",
    severity="medium",
    title="Use of an advanced Azure persistence technique",
    description=(
        "{name} {gave} the custom role {role_name}, made within the week before with far-reaching rights ({actions}), "
        "to {grantee}, from {from}."
    ),
    explanation=(
        "A custom role is defined with far-reaching rights (everything, rights over rights, commands on machines, "
        "keys) and assigned to an identity within seven days, by the same principal or another. A definition alone "
        "raises nothing, an assignment that was refused a low alert. It works from the first minute; where the records carry no request bodies, the rights are "
        "unknown and nothing is raised."
    ),
    tactics=("PrivilegeEscalation", "DefenseEvasion", "Persistence"),
    techniques=("T1098.003", "T1578"),
    remediation=(
        "Ask whoever made the role and whoever gave it what it is for.",
        "If nobody knows: remove the assignment, then the role definition.",
        "Look at what the identity did with it, and remove its credentials.",
        "Review who may write role definitions and assignments.",
    ),
    judge=judge,
    only_with=_GIVES,
    confirm=confirm,
    at_once=AtOnce(bears, judge_at_once),
)
