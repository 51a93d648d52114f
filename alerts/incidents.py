"""Which alerts belong together: those of one principal, resource, address or vault in neighbouring hours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from alerts.alert import Alert

NEIGHBOUR_HOURS = 1


class Incidents:
    """Joins alerts hour by hour. An incident's id is made from its first alert, so it stays as it grows.

    An alert that joins two incidents makes them one, under the older one's id.
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}  # incident -> the one it was joined with
        self._lately: dict[str, tuple[int, str]] = {}  # link -> (hour, incident)

    def add(self, alert: Alert, hour: int, links: Iterable[str]) -> None:
        """Give the alert its incident. Alerts come hour by hour, in the alerts' order within an hour."""
        keys = sorted(set(links))
        near = {self.root(one) for one in self._near(hour, keys)}
        chosen = min(near) if near else incident_id(alert)
        for other in near - {chosen}:
            self._parent[other] = chosen
        for key in keys:
            self._lately[key] = (hour, chosen)
        alert.incident = chosen

    def likely(self, alert: Alert, hour: int, links: Iterable[str]) -> str:
        """The incident that an alert would have now; nothing is changed by it."""
        near = {self.root(one) for one in self._near(hour, set(links))}
        return min(near) if near else incident_id(alert)

    def _near(self, hour: int, links: Iterable[str]) -> Iterator[str]:
        for key in links:
            at, incident = self._lately.get(key, (hour, ""))
            if incident and abs(hour - at) <= NEIGHBOUR_HOURS:
                yield incident

    def root(self, incident: str) -> str:
        """The incident that this one has become part of, or itself."""
        while incident in self._parent:
            incident = self._parent[incident]
        return incident

    def forget(self, hour: int, known: Iterable[str] = ()) -> None:
        """Drop links that no later hour can neighbour, and of what was joined all but what `known` incidents became."""
        self._lately = {
            key: (at, incident)
            for key, (at, incident) in self._lately.items()
            if hour - at <= NEIGHBOUR_HOURS
        }
        wanted = [*known, *(incident for _, incident in self._lately.values())]
        kept: dict[str, str] = {}
        while wanted:
            one = wanted.pop()
            if one in self._parent and one not in kept:
                kept[one] = self._parent[one]
                wanted.append(kept[one])
        self._parent = kept

    def state(self) -> list[Any]:
        """As MessagePack values."""
        return [sorted(self._parent.items()), sorted((key, *value) for key, value in self._lately.items())]

    @classmethod
    def restore(cls, state: list[Any]) -> Incidents:
        """The incidents with that state."""
        incidents = cls()
        incidents._parent = dict(state[0])
        incidents._lately = {key: (hour, incident) for key, hour, incident in state[1]}
        return incidents


def incident_id(first: Alert) -> str:
    """The id of the incident that an alert begins: its time, so that ids sort by age, and a hash."""
    stamp = first.start.replace("-", "").replace(":", "")
    return f"{stamp}-{blake2b(first.id.encode(), digest_size=6).hexdigest()}"
