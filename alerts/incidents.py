"""Which alerts belong together: those that share somebody or something in neighbouring hours, or go on with an attack.

An alert's links ('principal:…', 'address:…', 'vault:…', 'resource:…') join it with an incident that has one of them

- in the same or a neighbouring hour, or
- within a day, where it is no vault, and the alert is of medium or higher severity and of a later stage of an attack
  (`alerts.stages`) than one that the link was in before.

So that what is shared by all does not join all, an incident that names more than `WIDE` of one kind no longer hangs
together by that kind, but for what half of its alerts name: an address that scans fifty machines is one incident, and
what else those machines do is none of it. An incident ends a week after it began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from msgspec import UNSET

from alerts.alert import Alert
from alerts.stages import UNKNOWN, stage_of

NEIGHBOUR_HOURS = 1
ORDER_HOURS = 24
LONGEST_HOURS = 7 * 24
ACTORS = ("principal", "address", "resource")  # who goes on with an attack; a vault is what it is about
GRAVE = ("medium", "high")
WIDE = 8


class _Tie(NamedTuple):
    """What an incident knows of one of its links."""

    hour: int  # of the last alert that named it
    alerts: int  # that named it
    first: int  # the earliest stage of them


class _Open(NamedTuple):
    """An incident that may still grow."""

    hour: int  # of its first alert
    alerts: int


class Incidents:
    """Joins alerts hour by hour. An incident's id is made from its first alert, so it stays as it grows.

    An alert that joins two incidents makes them one, under the older one's id; the alert says which ids that ended.
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}  # incident -> the one it was joined with
        self._ties: dict[str, dict[str, _Tie]] = {}  # link -> incident -> what is known of it there
        self._open: dict[str, _Open] = {}
        self._keys: dict[str, dict[str, set[str]]] = {}  # incident -> kind -> its links
        self._hour = 0  # the latest

    def add(self, alert: Alert, hour: int, links: Iterable[str]) -> None:
        """Give the alert its incident. Alerts come hour by hour, in the alerts' order within an hour.

        One that has joined before has its place: late records add to it.
        """
        if alert.incident:
            alert.incident = self.root(alert.incident)
            return
        if hour > self._hour:
            self._expire(hour)
        keys, own = sorted(set(links)), incident_id(alert)
        near = self._near(alert, hour, keys)
        chosen = min(near, default=own)
        for other in sorted(near - {chosen}):
            self._merge(other, chosen)
        self._tie(chosen, alert, hour, keys)
        ended = (near | set(alert.joins or ())) - {chosen}
        alert.joins = tuple(sorted(ended)) if ended else UNSET
        alert.incident = chosen

    def likely(self, alert: Alert, hour: int, links: Iterable[str]) -> str:
        """The incident that an alert would have now; nothing is changed by it."""
        near = self._near(alert, hour, sorted(set(links)))
        return min(near, default=incident_id(alert))

    def _near(self, alert: Alert, hour: int, keys: Sequence[str]) -> set[str]:
        """The incidents that an alert belongs to."""
        stage = stage_of(alert.tactics) if alert.severity in GRAVE else UNKNOWN
        found = [(key, one) for key in keys for one in self._led_to(key, hour, stage)]
        whole = {one for _, one in found}
        # What hangs together by something else than its many machines does not take in what else they do.
        near = {one for key, one in found if not any(self._wide(other, key) for other in whole - {one})}
        return near or set(sorted(whole)[:1])

    def _led_to(self, key: str, hour: int, stage: int) -> Iterator[str]:
        """The incidents that a link leads to."""
        for incident, tie in self._ties.get(key, {}).items():
            about, gap = self._open[incident], hour - tie.hour
            follows = 0 < gap <= ORDER_HOURS and UNKNOWN < tie.first < stage and _kind(key) in ACTORS
            if not (abs(gap) <= NEIGHBOUR_HOURS or follows) or hour - about.hour > LONGEST_HOURS:
                continue
            if not self._wide(incident, key) or 2 * tie.alerts >= about.alerts:
                yield incident

    def _wide(self, incident: str, key: str) -> bool:
        """Whether it has many of that kind."""
        return len(self._keys[incident].get(_kind(key), ())) > WIDE

    def _tie(self, incident: str, alert: Alert, hour: int, keys: Sequence[str]) -> None:
        about, stage = self._open.get(incident, _Open(hour, 0)), stage_of(alert.tactics)
        self._open[incident] = _Open(min(about.hour, hour), about.alerts + 1)
        for key in keys:
            self._add_tie(key, incident, _Tie(hour, 1, stage))

    def _add_tie(self, key: str, incident: str, tie: _Tie) -> None:
        ties = self._ties.setdefault(key, {})
        if (known := ties.get(incident)) is not None:
            stages = {known.first, tie.first} - {UNKNOWN}
            tie = _Tie(max(known.hour, tie.hour), known.alerts + tie.alerts, min(stages, default=UNKNOWN))
        ties[incident] = tie
        self._keys.setdefault(incident, {}).setdefault(_kind(key), set()).add(key)

    def _merge(self, other: str, into: str) -> None:
        """All that is known of one is known of the other."""
        self._parent[other] = into
        gone, kept = self._open.pop(other), self._open[into]
        self._open[into] = _Open(min(gone.hour, kept.hour), gone.alerts + kept.alerts)
        for keys in self._keys.pop(other).values():
            for key in keys:
                self._add_tie(key, into, self._ties[key].pop(other))

    def _expire(self, hour: int) -> None:
        """Drop links that no later hour can join by, and the incidents that none leads to."""
        self._hour = hour
        for key, ties in list(self._ties.items()):
            for one in [one for one, tie in ties.items() if hour - tie.hour > ORDER_HOURS]:
                del ties[one]
                self._keys[one][_kind(key)].discard(key)
            if not ties:
                del self._ties[key]
        for one in [one for one, kinds in self._keys.items() if not any(kinds.values())]:
            del self._keys[one], self._open[one]

    def root(self, incident: str) -> str:
        """The incident that this one has become part of, or itself."""
        while incident in self._parent:
            incident = self._parent[incident]
        return incident

    def forget(self, hour: int, known: Iterable[str] = ()) -> None:
        """An hour is over: what was joined is forgotten, but for what `known` incidents became."""
        self._expire(max(hour, self._hour))
        wanted = [*known, *self._open]
        kept: dict[str, str] = {}
        while wanted:
            one = wanted.pop()
            if one in self._parent and one not in kept:
                kept[one] = self._parent[one]
                wanted.append(kept[one])
        self._parent = kept

    def state(self) -> list[Any]:
        """As MessagePack values."""
        ties = [(key, one, *tie) for key, ties in self._ties.items() for one, tie in ties.items()]
        return [
            sorted(self._parent.items()),
            sorted(ties),
            sorted((one, *said) for one, said in self._open.items()),
        ]

    @classmethod
    def restore(cls, state: list[Any], hour: int = 0) -> Incidents:
        """The incidents with that state; one of an older version knows links and hours alone.

        `hour`: the last one that was over. What a late alert has tied since then is not to end before the next one.
        """
        incidents = cls()
        incidents._hour = hour
        incidents._parent = dict(state[0])
        if len(state) == 2:
            ties = [(key, incidents.root(one), _Tie(hour, 1, UNKNOWN)) for key, hour, one in state[1]]
            incidents._open = {one: _Open(tie.hour, 1) for _, one, tie in ties}
        else:
            ties = [(key, one, _Tie(*tie)) for key, one, *tie in state[1]]
            incidents._open = {one: _Open(hour, alerts) for one, hour, alerts in state[2]}
        for key, one, tie in ties:
            if one not in incidents._open:
                raise ValueError("a link leads to no incident")
            incidents._add_tie(key, one, tie)
            incidents._hour = max(incidents._hour, tie.hour)
        return incidents


def _kind(key: str) -> str:
    return key.partition(":")[0]


def incident_id(first: Alert) -> str:
    """The id of the incident that an alert begins: its time, so that ids sort by age, and a hash."""
    stamp = first.start.replace("-", "").replace(":", "")
    return f"{stamp}-{blake2b(first.id.encode(), digest_size=6).hexdigest()}"
