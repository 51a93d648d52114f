"""Which store an alert belongs in: that of its region, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from alerts.alert import Alert
from alerts.routing import Route
from alerts.store.joining import ended
from alerts.store.store import AlertStore


class Stores:
    """The stores of all regions, opened at once: what can't be used is known before hours are spent."""

    def __init__(self, urls: Iterable[str], place: Callable[[str], str]) -> None:
        """`place` gives the store's URL of a region. Raises AlertStoreError."""
        self._stores = {url: AlertStore(url) for url in dict.fromkeys(urls)}
        self._place = place

    def write(self, alerts: Iterable[Alert], now: str, routes: Sequence[Route] = ()) -> None:
        """Each into its region's store, by upsert: writing again what is there changes nothing."""
        by_store: dict[str, list[Alert]] = {}
        given = list(alerts)
        for alert in given:
            by_store.setdefault(self._place(alert.region), []).append(alert)
        for url, some in by_store.items():
            self._stores[url].write(some, now, routes)
        if len(self._stores) > 1 and (became := ended(given)):
            for store in self._stores.values():
                store.join(became)

    def forget(self, before: str) -> int:
        """Remove what began before then, in all of them."""
        return sum(store.forget(before) for store in self._stores.values())

    def all(self) -> list[AlertStore]:
        """Every store."""
        return list(self._stores.values())
