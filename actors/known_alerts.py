"""The alerts of closed hours, for as long as late records may add to them, with their hours and what joins them."""

from __future__ import annotations

from collections.abc import Iterator

from actors.aggregator_state import Raised
from actors.outbox import Outbox
from alerts.alert import Alert, order

KEPT_HOURS = 48  # alerts that were told are known for so long: late records may add to them
MOST_KNOWN = 20_000  # of those alerts, about 5 KB each


class KnownAlerts:
    """By id; and which of them no checkpoint has yet."""

    def __init__(self) -> None:
        self._alerts: dict[str, Alert] = {}
        self._links: dict[str, tuple[int, tuple[str, ...]]] = {}  # alert id -> hour, links
        self._unsaved: list[str] = []  # alerts that no checkpoint has yet
        self._dropped: list[str] = []  # since the last checkpoint

    def __contains__(self, id_: str) -> bool:
        return id_ in self._alerts

    def __getitem__(self, id_: str) -> Alert:
        return self._alerts[id_]

    def __iter__(self) -> Iterator[Alert]:
        """All of them, in the order in which they are told."""
        return iter(sorted(self._alerts.values(), key=order))

    def get(self, id_: str) -> Alert | None:
        """The alert under this id, if there is one."""
        return self._alerts.get(id_)

    def links(self, id_: str) -> tuple[int, tuple[str, ...]]:
        """The alert's hour and what joins it with others."""
        return self._links[id_]

    def incidents(self) -> Iterator[str]:
        """The incident of each."""
        return (alert.incident for alert in self._alerts.values())

    def know(self, one: Raised) -> None:
        """A new one, or a newer word on one."""
        self._alerts[one.alert.id] = one.alert
        self._unsaved.append(one.alert.id)
        self._links[one.alert.id] = one.hour, one.links

    def put_back(self, alert: Alert) -> None:
        """An alert as it was known before the newest word on it, which was added to it."""
        self._alerts[alert.id] = alert

    def forget_told(self, hour: int, waiting: Outbox) -> None:
        """Forget what is too old, or too much, and does not wait to be told."""
        told = [id_ for id_, (at, _) in self._links.items() if hour - at > KEPT_HOURS and id_ not in waiting]
        if (over := len(self._links) - len(told) - MOST_KNOWN) > 0:
            rest = sorted(self._links.keys() - told, key=self._age)
            told += [id_ for id_ in rest if id_ not in waiting][:over]
        for id_ in told:
            del self._alerts[id_], self._links[id_]
        self._dropped += told

    def _age(self, id_: str) -> tuple[int, str]:
        return self._links[id_][0], id_

    def changes(self) -> tuple[list[Raised], list[str]]:
        """Those that are new since the last time, and the ids of those that were forgotten."""
        unsaved = dict.fromkeys(id_ for id_ in self._unsaved if id_ in self._alerts)
        raised, dropped = [Raised(self._alerts[id_], *self._links[id_]) for id_ in unsaved], self._dropped
        self._unsaved, self._dropped = [], []
        return raised, dropped

    def load(self, raised: list[Raised], dropped: list[str]) -> None:
        """Take saved changes in, on top of what is known."""
        for one in raised:
            self._alerts[one.alert.id] = one.alert
            self._links[one.alert.id] = one.hour, one.links
        for id_ in dropped:
            self._alerts.pop(id_, None)
            self._links.pop(id_, None)
