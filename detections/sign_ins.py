"""What sign-ins say of an alert: whether its caller signed in from there just before, and how sure the directory was.

They raise nothing by themselves. A token that was stolen is used from an address from which nobody signed in; one that was
phished comes with a sign-in from the thief's address. So a sign-in counts for the caller only if a second factor was
shown, no risk was seen, and the address was theirs on a day before or the device is managed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from detections.declare import Finding, Verdict
from detections.organisation import Fact, Organisation
from detections.view import Act
from detections.words import counted, rfc3339
from ingest.records import SUCCESS

SLOT_US = 5 * 60 * 1_000_000
MOST_ADDRESSES = 32  # of one principal's hour: those used last
MOST_TOLD = 10  # pairs of a principal and an address that are looked at
DAY_US = 86_400_000_000
KNOWN_US = 30 * DAY_US  # so long ago, a last sign-in still says that somebody's sign-ins are among the logs
GUESSED = 10  # failed sign-ins from an address in a day: who came in after that may have guessed
FRESH_US = DAY_US  # a sign-in that is older says nothing of who uses its token now


class SignIn(NamedTuple):
    """A successful sign-in: the most telling one of its address in five minutes."""

    at_us: int
    address: str
    mfa: bool
    interactive: bool
    managed: bool  # from a device that the organisation manages
    risk: str  # that the directory saw: 'low', 'medium', 'high', 'unknown'; '' = none
    to: str  # the application's name
    kind: str  # 'user' or 'service_principal'

    @property
    def strong(self) -> bool:
        """Whether somebody was there and showed a second factor, and nothing seemed wrong."""
        return self.mfa and self.interactive and not self.risk

    @property
    def active(self) -> bool:
        """Whether it says that the account is in use: a person's programs renew their tokens by themselves."""
        return self.interactive or self.kind != "user"


# Facts of a principal's hour


def facts_of(principal: str, acts: Iterable[Act]) -> Iterator[Fact]:
    """From where this principal signed in, and to what people signed in with a second factor."""
    who = principal.lower()
    best: dict[tuple[str, int], SignIn] = {}
    applications: dict[str, int] = {}
    failed: dict[str, int] = {}
    for act in acts:
        event = act.event
        if event.outcome != SUCCESS:
            failed[event.address] = failed.get(event.address, 0) + act.count
            continue
        one = _sign_in(act)
        if one.strong and event.application:
            applications[event.application] = min(act.first_us, applications.get(event.application, 1 << 62))
        slot = event.address, act.first_us // SLOT_US
        if slot not in best or _telling(one) > _telling(best[slot]):
            best[slot] = one
    kept = _used_last(best)
    for (address, _), one in sorted(best.items()):
        if address in kept:
            yield Fact("sign_in", address, who, one.at_us, {"sign_in": list(one)})
    most = sorted(failed, key=lambda address: (-failed[address], address))[:MOST_ADDRESSES]
    for address in sorted(most):
        yield Fact("sign_in_failed", address, who, 0, {"failed": failed[address]})
    for application, first_us in sorted(applications.items()):
        yield Fact("application", who, application, first_us)


def _sign_in(act: Act) -> SignIn:
    event, said = act.event, act.event.details
    return SignIn(
        act.first_us,
        event.address,
        bool(said.get("mfa")),
        bool(said.get("interactive")),
        bool(said.get("managed")),
        str(said.get("risk", "")),
        str(said.get("to", "")),
        event.kind,
    )


def _telling(one: SignIn) -> tuple[Any, ...]:
    """A risk first: it must not be lost among others."""
    return bool(one.risk), one.mfa, one.interactive, one.managed, -one.at_us, one.risk, one.to


def _used_last(best: dict[tuple[str, int], SignIn]) -> set[str]:
    last: dict[str, int] = {}
    for (address, _), one in best.items():
        last[address] = max(one.at_us, last.get(address, 0))
    return set(sorted(last, key=lambda address: (-last[address], address))[:MOST_ADDRESSES])


# What they say of a finding


def said_of(found: Finding, organisation: Organisation, vouching: bool) -> Verdict:
    """What the sign-ins of the finding's callers say of it; `vouching`: whether they may make it less grave."""
    alone = len(found.principals) == 1
    rows, against, vouched = [], [], alone and vouching
    for principal, address in _pairs(found):
        one = _before(found.first_us, organisation.sign_ins(principal, address))
        since = organisation.signs_in_since(principal, address)
        failed = organisation.failed_sign_ins(principal, address, found.first_us)
        if one is None:
            vouched = False
            told = _elsewhere(found, principal, address, since, organisation) if alone else []
            rows += [_with_failed(row, failed) for row in told] or _failed_alone(principal, address, failed)
            continue
        row = _with_failed(_row(found, principal, one, since), failed)
        rows.append(row)
        theirs = since is not None and since <= found.first_us - DAY_US
        vouched = vouched and one.strong and (theirs or one.managed) and failed < GUESSED
        if one.strong and failed < GUESSED:
            against.append(str(row["said"]) if alone else f"{principal} {row['said']}")
    if not rows:
        return Verdict()
    return Verdict(against=tuple(against), evidence={"sign_ins": rows}, steps=-1 if vouched else 0)


def _with_failed(row: dict[str, Any], failed: int) -> dict[str, Any]:
    if not failed:
        return row
    said = f"{row['said']}; {counted(failed, 'sign-in')} from there failed within a day"
    return {**row, "failed_within_a_day": failed, "said": said}


def _failed_alone(principal: str, address: str, failed: int) -> list[dict[str, Any]]:
    """Somebody tried, and nobody came in."""
    if not failed:
        return []
    said = f"{counted(failed, 'sign-in')} from {address} failed within a day, and none is known that did not"
    return [{"principal": principal, "address": address, "failed_within_a_day": failed, "said": said}]


def _before(first_us: int, known: Iterable[SignIn]) -> SignIn | None:
    """The sign-in of the day before that says most: the last one at a risk, else with a second factor, else any."""
    fresh = [one for one in known if 0 <= first_us - one.at_us <= FRESH_US]
    return max(fresh, key=lambda one: (bool(one.risk), one.strong, one.at_us), default=None)


def _pairs(found: Finding) -> list[tuple[str, str]]:
    pairs = [(principal, address) for principal in found.principals for address in found.addresses]
    return pairs[:MOST_TOLD]


def _row(found: Finding, principal: str, one: SignIn, since: int | None) -> dict[str, Any]:
    return {
        "principal": principal,
        "address": one.address,
        "time": rfc3339(one.at_us),
        "mfa": one.mfa,
        "interactive": one.interactive,
        "managed_device": one.managed,
        "risk": one.risk,
        "from_there_since": rfc3339(one.at_us if since is None else since),
        "said": _sentence(found, one),
    }


def _sentence(found: Finding, one: SignIn) -> str:
    how = [
        *([f"with{'' if one.mfa else 'out'} a second factor"] if one.kind == "user" else []),
        *(["on a managed device"] if one.managed else []),
        *([f"at {one.risk} risk"] if one.risk else []),
    ]
    to = f" to {one.to}" if one.to else ""
    did = "signed in" if one.interactive or one.kind != "user" else "a program renewed the sign-in"
    return ", ".join([f"{did}{to} from {one.address} {_ago(found.first_us - one.at_us)} before", *how])


def _ago(gap_us: int) -> str:
    """How long before, for people.

    >>> _ago(0), _ago(60_000_000), _ago(720_000_000), _ago(7_200_000_000)
    ('less than a minute', '1 minute', '12 minutes', '2 hours')
    """
    minutes = gap_us // 60_000_000
    if not minutes:
        return "less than a minute"
    number, word = (minutes, "minute") if minutes < 120 else (minutes // 60, "hour")
    return f"{number} {word}{'' if number == 1 else 's'}"


def _elsewhere(
    found: Finding, principal: str, address: str, since: int | None, organisation: Organisation
) -> list[dict[str, Any]]:
    """That somebody whose sign-ins are known lately did not sign in from there."""
    last = organisation.last_sign_in(principal, found.first_us)
    if last is None or found.first_us - last.at_us > KNOWN_US:
        return []
    ever = "ever before" if since is None or since > found.first_us else "in the 24 hours before"
    said = f"no sign-in from {address} is known {ever}; the last one was from {last.address} at {rfc3339(last.at_us)}"
    return [{"principal": principal, "address": address, "said": said}]
