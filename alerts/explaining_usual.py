"""What is usual where an alert was raised, in words; from its evidence alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alerts.alert import Alert
from alerts.explaining_evidence import amount, number, rows, table, text, texts, times
from detections.words import odds

Words = Callable[[dict[str, Any]], list[str]]
RANGE = "in 99 of 100 such hours"


def usual_words(alert: Alert) -> list[str]:
    """Sentences, the most telling first."""
    said = _WORDS.get(alert.type, _told)(alert.evidence)
    return said or _told(alert.evidence) or ["The evidence does not say what is usual."]


def _told(evidence: dict[str, Any]) -> list[str]:
    """Where a detection says it in its own words, or by a number."""
    value = evidence.get("usual")
    if words := text(value):
        return [f"{_first(words).rstrip('.')}."]
    mean = number(value)
    return [] if mean is None else [f"About {amount(mean)} an hour."]


def _range(evidence: dict[str, Any], mean: str, what: str) -> list[str]:
    said = []
    if (expected := number(evidence.get(mean))) is not None:
        said.append(f"About {amount(expected)} {what} at this hour of the week.")
    if (most := number(evidence.get("usual_at_most"))) is not None:
        said.append(f"At most {amount(most)} {RANGE}.")
    before = table(evidence.get("came_before"))
    days, least = number(before.get("days")), number(before.get("at_least"))
    if days is not None and least is not None:
        said.append(
            f"On {amount(days)} earlier days the largest hour came to {amount(least)} or more here; "
            "the count is held against those too."
        )
    return said


def _traffic(what: str) -> Words:
    def words(evidence: dict[str, Any]) -> list[str]:
        said = _range(evidence, "usual", what)
        if (others := number(evidence.get("usual_for_neighbours"))) is not None:
            said.append(f"Other resources: about {amount(others)}, in hours in which there are any.")
        return said

    return words


def _operations(evidence: dict[str, Any]) -> list[str]:
    said = _range(evidence, "usual_at_this_hour", "operations on this vault")
    if (others := number(evidence.get("usual_for_other_vaults"))) is not None:
        said.append(f"Other vaults: about {amount(others)}, in hours in which there are any.")
    return said


def _mix(evidence: dict[str, Any]) -> list[str]:
    shares = {name: number(table(row).get("usual")) for name, row in table(evidence.get("shares")).items()}
    known = sorted(((share, name) for name, share in shares.items() if share), reverse=True)[:5]
    mix = ", ".join(f"{text(name)} {share:.1%}" for share, name in known)
    return [f"This mix of operations: {mix}."] if mix else []


def _callers(one: str) -> Words:
    """Of a vault's known users, applications, pairs."""

    def words(evidence: dict[str, Any]) -> list[str]:
        usual = table(evidence.get("usual"))
        known = number(usual.get(f"{one}s_known"))
        said = [] if known is None else [f"{times(known, one, one + 's')} known here."]
        return said + [
            f"{text(row.get('id'))}: seen on about {times(days, 'day', 'days')} of the last weeks"
            for row in rows(usual.get("most_seen"))[:5]
            if (days := number(row.get("days"))) is not None
        ]

    return words


def _vaults(evidence: dict[str, Any]) -> list[str]:
    usual = table(evidence.get("usual"))
    most = usual.get("most_in_24_hours_before")
    number_of = number(most)
    shown = text(most) if number_of is None else f"up to about {amount(number_of)}"
    return [f"In 24 hours {shown} different vaults until now."] if shown else []


def _listed(evidence: dict[str, Any]) -> list[str]:
    usual = table(evidence.get("usual"))
    said = []
    for key, whose in (("most_by_this_caller_before", "this caller"), ("most_by_anyone_before", "anyone")):
        most = number(usual.get(key))
        if most is not None:
            how = f"up to about {amount(most)} secrets" if most else "never as many as 5 secrets"
            among = f", among {text(usual.get('among'))}," if key.endswith("anyone_before") else ""
            said.append(f"Listed and read in one go by {whose}{among} before: {how}.")
    return said


def _changed(evidence: dict[str, Any]) -> list[str]:
    known = number(table(evidence.get("usual")).get("sequences_known"))
    if known is None:
        return []
    if not known:
        return ["Nobody is known to change who may use this vault and read from it within an hour."]
    return [f"{times(known, 'principal does', 'principals do')} such things here."]


def _countries(evidence: dict[str, Any]) -> list[str]:
    known = texts(evidence.get("usual_countries"))
    said = [f"Acts from {', '.join(known)}." if known else "No country of this person is known."]
    return said + [f"In the organisation: {text(one)}." for one in texts(evidence.get("organisation"))]


def _clients(evidence: dict[str, Any]) -> list[str]:
    mix = ((text(name), number(share)) for name, share in table(evidence.get("usual_clients")).items())
    shown = ", ".join(f"{name} ({share:.0%})" for name, share in mix if share is not None)
    last = text(evidence.get("powershell_last"))
    used = f"PowerShell was used last at {last}." if last else "PowerShell was never used."
    return [f"Clients used: {shown or 'none known'}.", used]


def _pauses(evidence: dict[str, Any]) -> list[str]:
    usual = number(evidence.get("usual_pause_days"))
    return ["Pauses of unknown length." if usual is None else f"Pauses of at most {amount(usual)} days."]


def _travel(evidence: dict[str, Any]) -> list[str]:
    said = [f"Travel at {text(evidence.get('usual'))}."] if text(evidence.get("usual")) else []
    for key in ("from_place", "to_place"):
        place = table(evidence.get(key))
        if country := text(place.get("country")):
            usual = (
                "one of the person's usual places" if place.get("usual_here") is True else "not usual here"
            )
            said.append(f"{country}: {usual}.")
    return said


_ONE, _MANY = "{} connections an hour with the busiest peer", "{} peers an hour"
_WORDS: dict[str, Words] = {
    **{
        f"network.{service}_{way}{many}": _traffic((_MANY if many else _ONE).format(service.upper()))
        for service in ("ssh", "rdp")
        for way in ("incoming", "outgoing")
        for many in ("", "_multiple")
    },
    "key_vault.high_operation_volume": _operations,
    "key_vault.high_vault_access_volume": _vaults,
    "key_vault.list_and_query": _listed,
    "key_vault.policy_change_and_query": _changed,
    "key_vault.unusual_application": _callers("application"),
    "key_vault.unusual_user": _callers("user"),
    "key_vault.unusual_user_application_pair": _callers("pair"),
    "key_vault.unusual_operation_pattern": _mix,
    "management.infrequent_country": _countries,
    "management.powershell": _clients,
    "management.inactive_account": _pauses,
    "management.impossible_travel": _travel,
}


_JUDGED_BY_OTHERS = (
    "Its own history is too short or too unsteady to judge by: it is held against that of all others."
)
_NEWS = {  # judged by how often anything new comes, not by a count
    "key_vault.list_and_query",
    "key_vault.policy_change_and_query",
    "key_vault.high_vault_access_volume",
}


def chance_words(alert: Alert, rule: bool) -> list[str]:
    """How improbable it is; `rule`: nothing is learned for it."""
    evidence = alert.evidence
    chance = number(evidence.get("improbability"))
    if chance is None:
        return (
            ["Not a matter of chance: a rule."]
            if rule
            else [_JUDGED_BY_OTHERS, *_shares(evidence)]
            if text(evidence.get("judged_by"))
            else ["It is new to what was learned; no chance is given."]
        )
    what = "seeing this, or more, if nothing were wrong"
    if alert.type in _NEWS:
        what = "something as new as this here"
    if alert.type.startswith("key_vault.unusual_") and text(evidence.get("level")):
        what = f"a new {text(evidence.get('level'))} here"
    said = [f"{_first(odds(chance))}: the chance of {what}."]
    own = number(evidence.get("improbability_by_own_model"))
    if own is not None and odds(own) != odds(chance):
        said.append(
            f"By its own history alone: {odds(own)}. The larger of that and of what was measured counts."
        )
    if (risen := number(evidence.get("improbability_as_all_rose"))) is not None:
        said.append(f"With as many more as all saw in this hour: {odds(risen)}.")
    if (limit := number(evidence.get("threshold"))) is not None and limit > 0:
        said.append(f"An alert is raised below {odds(limit)}.")
    said += _budget_words(evidence)
    if new := text(evidence.get("odds_of_what_is_new")):
        said.append(f"Of what its callers never did before: {new}.")
    return said + _shares(evidence)


def _budget_words(evidence: dict[str, Any]) -> list[str]:
    """What an alert budget has to do with it."""
    budget = number(evidence.get("alert_budget"))
    if budget is None:
        return []
    share, limit = number(evidence.get("share_of_hours_as_improbable")), number(evidence.get("share_limit"))
    if share is None or limit is None:
        return [f"That limit is what an alert budget of {budget:g} a day leaves it."]
    said = f"Something as improbable as this is found in {odds(share)} of the hours judged; "
    if limit >= 1.0:
        return [f"{said}an alert budget of {budget:g} a day has room for all that is found."]
    return [f"{said}an alert budget of {budget:g} a day leaves room for {odds(limit)}."]


def _shares(evidence: dict[str, Any]) -> list[str]:
    for key in (
        "share_of_all_hours_with_as_many",
        "share_of_other_vault_hours_as_busy",
        "share_of_hours_with_as_many_vaults",
    ):
        if (share := number(evidence.get(key))) is not None:
            seen = f"{share:.2%}" if share else "none"
            return [f"Of all entities' hours with any, {seen} had as many."]
    return []


def _first(words: str) -> str:
    return words[:1].upper() + words[1:]
