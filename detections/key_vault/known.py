"""Which callers a vault knows: who was let in, at three levels, who was refused, and who gives rights here."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from detections.key_vault.callers import Caller
from detections.key_vault.habits import habit, is_new
from detections.key_vault.met import met
from detections.key_vault.operations import POLICY, grantees, is_policy_change
from detections.view import Act, Hour

APPLICATION, USER, PAIR = "application", "user", "pair"
TABLES = {APPLICATION: "vault_applications", USER: "vault_users", PAIR: "vault_pairs"}
# The applications that people come through, apart: builds with a new identity each day must not excuse a person.
PEOPLES = "vault_applications_of_people"
REFUSED = "vault_refused"
GRANTS = "vault_grants"


def key_of(level: str, caller: Caller) -> str:
    """The key of a caller at a level; '' where the log does not name what the level needs."""
    if level == APPLICATION:
        return caller.application
    if level == USER:
        return caller.user
    return f"{caller.user}|{caller.application}" if caller.user and caller.application else ""


def keys_of(callers: Collection[Caller]) -> dict[str, set[str]]:
    """The keys of callers at each level, as `key_of` gives them."""
    return {
        APPLICATION: {application for application, _ in callers if application},
        USER: {user for _, user in callers if user},
        PAIR: {f"{user}|{application}" for application, user in callers if user and application},
    }


def keys_let_in(hour: Hour) -> dict[str, set[str]]:
    """Those of who was let in this hour; ask by `hour.once(keys_let_in)`."""
    return keys_of(hour.once(met).let_in)


def _observe_applications(hour: Hour) -> set[str]:
    return hour.once(keys_let_in)[APPLICATION]


def _observe_peoples(hour: Hour) -> set[str]:
    return {caller.application for caller in hour.once(met).let_in if caller.user} - {""}


def _observe_users(hour: Hour) -> set[str]:
    return hour.once(keys_let_in)[USER]


def _observe_pairs(hour: Hour) -> set[str]:
    return hour.once(keys_let_in)[PAIR]


def _observe_refused(hour: Hour) -> set[str]:
    keys = keys_of(hour.once(met).refused)
    return {f"{level}|{key}" for level in TABLES for key in keys[level]}


def _observe_grants(hour: Hour) -> set[str]:
    """Who grants, and who was granted rights by someone for whom that was nothing new."""
    if not hour.saw(POLICY):
        return set()
    givers = {f"by|{group.event.principal.lower()}" for group in hour.groups if _given(group)}
    return givers | {f"to|{one}" for one in announced_now(hour, hour.groups)}


def _given(act: Act) -> frozenset[str]:
    return grantees(act.event) if is_policy_change(act.event) else frozenset()


def announced_now(hour: Hour, acts: Iterable[Act]) -> dict[str, int]:
    """Who was given rights by someone who has done so here before, and when."""
    model = hour.models.get(GRANTS)
    return {
        one: act.first_us
        for act in acts
        for one in sorted(_given(act))
        if model is not None and not is_new(model, f"by|{act.event.principal.lower()}", hour.hour)
    }


BASELINES = (
    habit(TABLES[APPLICATION], _observe_applications),
    habit(PEOPLES, _observe_peoples),
    habit(TABLES[USER], _observe_users),
    habit(TABLES[PAIR], _observe_pairs),
    habit(REFUSED, _observe_refused),
    habit(GRANTS, _observe_grants, news=False),
)
