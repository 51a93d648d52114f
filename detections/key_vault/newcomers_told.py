"""What is told of callers that a vault does not know (`newcomers`), and what is known elsewhere of them."""

from __future__ import annotations

from typing import Any

from detections.declare import Finding, Severity, Verdict
from detections.key_vault.callers import caller_of
from detections.key_vault.evidence import common_address, described, finding
from detections.key_vault.habits import (
    RARE,
    REPEATED,
    TELLS_AGAIN,
    TELLS_PASSING,
    TOLD_BEFORE,
    known_keys,
)
from detections.key_vault.known import (
    APPLICATION,
    GRANTS,
    PAIR,
    REFUSED,
    TABLES,
    USER,
    announced_now,
)
from detections.key_vault.newcomers import Newcomer, chance_of, newcomers, table_of
from detections.key_vault.operations import in_order
from detections.key_vault.releases import goes_about, keeps_to_its_own, released, written_before
from detections.key_vault.releases import told as told_release
from detections.key_vault.visits import BASELINE as VISITS
from detections.key_vault.visits import as_others
from detections.organisation import Organisation
from detections.view import Act, Hour
from detections.words import rfc3339, rounded
from ingest.records import HOUR_US

GRANT_HOURS = 7 * 24  # a newcomer within a week of a grant by someone who often grants was announced
CIRCLE = 0.25  # of the users of another vault that must be at this one before its users count as one circle
# A newcomer whose chance is above that, and who touches fewer than SEVERAL items, makes a low alert.
SURE = 0.002
SEVERAL = 3
APPLICATION_DAYS = 2.0
MOST_SHOWN = 10
NO_NEWS = (
    "new applications are no rarity at this vault, and none of these has had vaults of its own for a week"
)
HOW = (
    "An access that succeeds makes one alert of three: new application, else new user, else new pair. How "
    "much news is normal here counts: where new identities come every day, one more is no alert (Good-"
    "Turing), but a person who takes two secrets or more may be less rare than one who takes one, and so may an application that has kept to other vaults for a week. A caller who was "
    "only refused makes an alert one step lower, once; one who only looked at the "
    "vault's properties, or was given rights by someone who often does that here, makes a low one. So does "
    "a person who is no stranger: "
    "most of those who use another vault as they do use this one too, or the application is theirs elsewhere; "
    "and one who comes at a vault where newcomers are not that rare, and takes one or two secrets. One step lower are also a person "
    "there who reads no more than people often do, an application that often comes to new vaults, from its own "
    "addresses, and one that was at no vault before and comes after such a one wrote this vault, as in a release. Who is new at "
    "three vaults and more in an hour is told at full weight once, in the alert about the many vaults or that of the most "
    "improbable one; those of the others are one step lower. "
    + TELLS_AGAIN
    + TELLS_PASSING
    + "So is who began in the last of the two weeks; both only where others seldom come so, and one step higher where they "
    "take three secrets or more."
)


def judge_level(hour: Hour, level: str) -> Finding | None:
    """The finding about this hour's newcomers of a level."""
    found = [new for new in hour.once(newcomers) if new.level == level]
    if not found:
        return None
    through = [new for new in found if not new.denied]
    shown = through or found
    acts = in_order(act for new in shown for act in new.acts)
    announced = [text for new in shown if (text := _announced(hour, new))]
    repeated = all(new.seen for new in shown)
    if repeated and not any("/" in act.event.item for act in acts):
        return None  # who looked at names and properties once may look again
    against = [*announced, *sorted({new.seen for new in shown})] if repeated else announced
    quiet = len(announced) == len(shown) or all(act.event.operation.startswith("Vault") for act in acts)
    return finding(
        hour,
        acts,
        {} if hour.brief else _evidence(hour, shown, against),
        improbability=min(new.chance for new in shown),
        denied=not through,
        severity=_severity(shown, acts, quiet),
        held=[pair for new in found for pair in _held(new)],
    )


def _severity(shown: list[Newcomer], acts: list[Act], quiet: bool) -> Severity | None:
    """Lower where it was seen before, and where little was done or much speaks for it."""
    few = len({act.event.item for act in acts if "/" in act.event.item}) < SEVERAL
    if all(new.seen for new in shown):
        return REPEATED if few or all(new.seen == TOLD_BEFORE for new in shown) else "low"
    little = few and min(new.chance for new in shown) > SURE
    return "low" if (quiet or little) and not shown[0].denied else None


def _evidence(hour: Hour, shown: list[Newcomer], against: list[str]) -> dict[str, Any]:
    return {
        "level": shown[0].level,
        "used": "was refused by" if shown[0].denied else "used",
        "new": [_row(hour, new) for new in shown[:MOST_SHOWN]],
        "usual": _usual(hour, shown[0]),
        "against": against,
    }


def _row(hour: Hour, new: Newcomer) -> dict[str, Any]:
    first = hour.models[TABLES[new.level]].first_hour(new.key) if new.seen else None
    here = {} if first is None else {"days_since_first": rounded((hour.hour - first) / 24)}
    row = described(new.acts[0]) | {"chance": rounded(new.chance)} | here
    if row["kind"] == "user":
        return row
    row["addresses"] = sorted({act.event.address for act in new.acts} - {""})[:MOST_SHOWN]
    return row | told_release(written_before(hour, new.acts[0]))


def _held(new: Newcomer) -> list[tuple[str, str]]:
    if new.denied:
        return [(REFUSED, f"{new.level}|{new.key}")]
    if new.level == APPLICATION and new.chance >= RARE and not new.seen:
        return []  # most of them are withheld: learned slowly, they would make news look rare
    tables = {TABLES[new.level], table_of(new.level, caller_of(new.acts[0].event))}
    visits = [(VISITS, "")] if new.level == USER else []
    return [*((table, new.key) for table in sorted(tables)), *visits]


def _announced(hour: Hour, new: Newcomer) -> str:
    """What speaks for a newcomer: someone who often grants rights here granted it rights lately."""
    principal = new.acts[0].event.principal.lower()
    granted = announced_now(hour, hour.with_recent()).get(principal)
    last = hour.models[GRANTS].last_hour(f"to|{principal}")
    if granted is None and last is not None and hour.hour - last <= GRANT_HOURS:
        granted = last * HOUR_US
    if granted is None:
        return ""
    name = described(new.acts[0])["name"] or new.acts[0].event.principal
    when = rfc3339(granted)
    return f"{name} was given rights on this vault at {when} by someone who gives such rights here regularly"


def _usual(hour: Hour, new: Newcomer) -> dict[str, Any]:
    caller = caller_of(new.acts[0].event)
    known = known_keys(hour.models[table_of(new.level, caller)], hour.hour)
    return {
        f"{new.level}s_known": len(known),
        "most_seen": [{"id": key, "days": rounded(weight)} for key, weight in known[:10]],
        "chance_of_a_new_one": rounded(chance_of(hour, new.level, caller)),
    }


def confirm(found: Finding, organisation: Organisation) -> Verdict:
    """What is known elsewhere of the newcomers: one step lower where all of them are at home nearby."""
    verdict = common_address(found, organisation)
    level, new = found.evidence["level"], found.evidence["new"]
    vault = found.vaults[0] if found.vaults else ""
    no_rarity = level == APPLICATION and found.severity != REPEATED and (found.improbability or 0.0) >= RARE
    if no_rarity and not any(keeps_to_its_own(row["object_id"], organisation) for row in new):
        return Verdict(NO_NEWS, verdict.against, verdict.evidence)
    said = [_at_home(row, vault, level, organisation) for row in new]
    against = (*verdict.against, *filter(None, said))
    if level == PAIR and all(said):
        return Verdict(withheld=said[0], against=against)
    # Who comes back in the same hour makes it neither graver nor less so than the strangers are.
    strangers = [text for row, text in zip(new, said, strict=True) if "days_since_first" not in row]
    steps = -1 if all(strangers or said) else 0
    if not steps and _may_be_a_visit(found) and (text := as_others(found, organisation)):
        against, steps = (*against, text), -1
    return Verdict(against=against, evidence=verdict.evidence, steps=steps)


def _may_be_a_visit(found: Finding) -> bool:
    """Whether new people were let in, at a vault where they are not that rare; what is low already stays so."""
    people = found.evidence["level"] == USER and not found.denied
    return people and found.severity is None and (found.improbability or 0.0) > SURE


def _at_home(row: dict[str, Any], vault: str, level: str, organisation: Organisation) -> str:
    """What speaks for a newcomer: the application is a person's elsewhere, a circle's others are here, or its work
    takes it from vault to vault."""
    name, person = row["name"] or row["object_id"], row["object_id"] or row["name"]
    if row["kind"] != "user":
        return goes_about(row["object_id"], row["addresses"], organisation) or released(row, organisation)
    if level == PAIR:
        # What it did here, to be told again, says nothing of elsewhere.
        days = organisation.days_with_application(person, row["application"]) - row.get("days_since_first", 0)
        return (
            f"{name} has used this application elsewhere for {days:.0f} days"
            if days >= APPLICATION_DAYS
            else ""
        )
    share, other = organisation.circle(person, vault)
    if share < CIRCLE:
        return ""
    return f"{share:.0%} of those who use {other}, as {name} does, use this vault too"
