"""What the aggregator's state looks like in a checkpoint: what changed since the one before.

Two kinds of things are in it: what is learned, which later runs need too, and what this run came to so far,
which is needed until its alerts are delivered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from actors.judged import JudgedDays
from actors.messages import Fault, Found
from actors.repeats import Repeats
from actors.sign_ins import Principal, check
from actors.spent import Spent
from alerts.alert import Alert
from alerts.incidents import Incidents
from baselines.population import Population

VERSION = 2
USES = ("address", "application", "country", "hop", "reached", "system", "vault")  # tables of who used what


class Kept(msgspec.Struct, kw_only=True):
    """A finding that did not become an alert, and why; for whoever tunes."""

    type: str
    kind: str
    entity: str
    start: str
    why: str  # 'learning', 'withheld' or 'disabled'
    reason: str
    evidence: dict[str, Any]


class Raised(msgspec.Struct, array_like=True):
    """An alert with its hour and what joins it with others."""

    alert: Alert
    hour: int
    links: tuple[str, ...]


class RunChanges(msgspec.Struct, array_like=True):
    """Of the run: alerts, kept and late findings that came since; the numbers are of the whole run."""

    raised: list[Raised] = []
    kept: list[Kept] = []
    late: list[Found] = []
    faults: list[Fault] = []
    kept_total: int = 0
    applied: int = 0
    filtered: dict[str, int] = {}
    entity_days: int = 0
    dropped: list[str] = []  # alerts that were told long ago
    outbox: list[str] = []  # alerts that nobody has taken yet
    streaming: bool = False  # then `late` and `kept` are all that wait
    early: list[Raised] = []  # all that was told of open hours
    numbers: dict[str, int] = {}  # alerts raised, by severity
    shadowed: int = 0  # alerts of detections in shadow
    expected: int = 0  # alerts told lower, for all who did it are expected to


class LearnedChanges(msgspec.Struct, array_like=True):
    """Of what is learned: tables' entries that changed (None: dropped), and the rest as it is now."""

    hour: int
    layers_since: dict[str, int]
    uses: list[tuple[str, str, dict[str, list[int]] | None]]
    roles: list[tuple[str, list[Any] | None]]
    population: Any
    incidents: Any
    repeats: dict[str, list[int]] = {}
    sign_ins: list[tuple[str, Principal | None]] = []  # those that changed
    judged: dict[str, Any] = {}  # what an alert budget's thresholds come from
    spent: list[Any] = []  # what it let through and kept back: `actors.spent`


class Changes(msgspec.Struct, array_like=True):
    """All of it."""

    version: int
    learned: LearnedChanges
    run: RunChanges | None = None


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Changes)


def pack(changes: Changes) -> bytes:
    """A part's body."""
    return _encode(changes)


def unpack(body: bytes) -> Changes:
    """The changes again. Raises ValueError, with a reason, for what is no part of this version."""
    try:
        changes = _decoder.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(f"no state of an aggregator ({error})") from None
    if changes.version != VERSION:
        raise ValueError(f"aggregator state of version {changes.version}; this Redshank reads {VERSION}")
    try:
        _check(changes.learned)
        Population.restore(changes.learned.population).snapshot()
        Incidents.restore(changes.learned.incidents)
        Repeats(changes.learned.repeats)
        JudgedDays(changes.learned.judged)
        Spent(changes.learned.spent)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"no state of an aggregator: {error}") from None
    return changes


def _check(learned: LearnedChanges) -> None:
    """What must hold beside the types."""
    _that(0 <= learned.hour < 1 << 31, "an hour is out of range")
    check(learned.sign_ins)
    for kind, _, users in learned.uses:
        _that(kind in USES, f"{kind!r} is nothing that is used")
        _that(
            users is None or (bool(users) and all(len(hours) == 3 for hours in users.values())),
            "hours are missing",
        )
    for _, role in learned.roles:
        if role is not None:
            _, at_us, about = role
            _that(type(at_us) is int and isinstance(about, dict), "a role is none")
    for joined, into in learned.incidents[0]:
        _that(into < joined, "incidents are joined in a circle")  # the older one's id holds


def _that(holds: bool, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)


def merged(parts: Iterable[Changes], whole: bool) -> Changes:
    """Several parts as one; `whole`: nothing stands before these, so that what was dropped need not be said."""
    given = list(parts)
    learned = msgspec.structs.replace(given[-1].learned)
    uses = {(kind, key): users for part in given for kind, key, users in part.learned.uses}
    roles = dict(pair for part in given for pair in part.learned.roles)
    learned.uses = [(*key, users) for key, users in uses.items() if not whole or users is not None]
    learned.roles = [(key, role) for key, role in roles.items() if not whole or role is not None]
    sign_ins = dict(pair for part in given for pair in part.learned.sign_ins)
    learned.sign_ins = [(key, known) for key, known in sign_ins.items() if not whole or known is not None]
    runs = [part.run for part in given if part.run is not None]
    if not runs:
        return Changes(VERSION, learned)
    run = msgspec.structs.replace(runs[-1])
    raised: dict[str, Raised] = {}
    for part in runs:
        raised |= {one.alert.id: one for one in part.raised}
        for id_ in part.dropped:
            raised.pop(id_, None)
    run.raised = list(raised.values())
    run.dropped = [] if whole else sorted({id_ for part in runs for id_ in part.dropped} - raised.keys())
    run.kept = run.kept if run.streaming else [one for part in runs for one in part.kept]
    run.late = run.late if run.streaming else [one for part in runs for one in part.late]
    return Changes(VERSION, learned, run)
