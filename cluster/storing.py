"""Alerts of a run into the stores that a configuration names."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from alerts.alert import Alert
from cluster.asked import now, stamp
from cluster.config import Configuration, load
from cluster.errors import UserError
from detections.catalogue import CATALOGUE

if TYPE_CHECKING:
    from alerts.routing import Route
    from alerts.store.outbox import Outbox
    from alerts.store.regions import Stores

AGAIN_S = 5.0  # after the store has failed
FORGET_S = 3_600.0


def opened(configuration: Configuration) -> Stores | None:
    """The stores of a configuration; None where it has no [store]. Raises UserError where one can't be used."""
    urls = configuration.stores()
    if not urls:
        return None
    from alerts.store.opening import AlertStoreError
    from alerts.store.regions import Stores

    try:
        return Stores(urls, lambda region: configuration.store_of(region) or urls[0])
    except AlertStoreError as error:
        raise UserError(str(error)) from None


class Writer:
    """The stores of a configuration, with how long alerts are kept there."""

    def __init__(self, configuration: Configuration, routes: Sequence[Route] = ()) -> None:
        """`routes`: the sinks that are told of what is news."""
        self._stores, self._routes = opened(configuration), routes
        self._keep_days = configuration.store.keep_days if configuration.store else None

    @property
    def used(self) -> bool:
        """Whether there is a store."""
        return self._stores is not None

    def write(self, alerts: Sequence[Alert]) -> None:
        """Put them in, and into the outbox. Raises AlertStoreError."""
        if self._stores is not None and alerts:
            self._stores.write(alerts, stamp(now()), self._routes)

    def outboxes(self) -> list[Outbox]:
        """Where what sinks are to be told waits."""
        return [store.outbox for store in self._stores.all()] if self._stores is not None else []

    def forget(self) -> int:
        """Remove what is older than is kept. Raises AlertStoreError."""
        if self._stores is None or self._keep_days is None:
            return 0
        return self._stores.forget(stamp(now() - timedelta(days=self._keep_days)))


def stores_of(config: Path | None, deliver: bool = False) -> Writer:
    """Opened before hours are spent; `deliver`: sinks are told too. Raises UserError where one can't be used."""
    configuration = load(config, frozenset(CATALOGUE))
    if not deliver:
        return Writer(configuration)
    from cluster.sinking import routes, ways

    if config is None or not configuration.sinks:
        raise UserError(
            f"{config or '--deliver'}: has no [[sinks]]: name = '...' and kind = '...' were expected"
        )
    ways(configuration, config)  # a password that is not there is known now
    return Writer(configuration, routes(configuration))


def store_alerts(stores: Writer, alerts: Sequence[Alert]) -> None:
    """Raises UserError where the store fails; the same command writes them again."""
    if not stores.used:
        return
    from alerts.store.opening import AlertStoreError

    try:
        stores.write(alerts)
        stores.forget()
    except AlertStoreError as error:
        raise UserError(
            f"{error}; the alerts are not all in the store: run it again when it can be used"
        ) from None


class Stored:
    """For a server: what a store does not take now is tried again, and is said once."""

    def __init__(
        self,
        writer: Writer,
        say: Callable[[str], object],
        news: Callable[[], object] = lambda: None,
    ) -> None:
        """`news` is called when something was written."""
        self._writer, self._say, self._news = writer, say, news
        self._not_before = self._forget_at = float("-inf")
        self._failed = False

    def write(self, alerts: Sequence[Alert]) -> bool:
        """Whether the store has them."""
        if not self._writer.used:
            return True
        from alerts.store.opening import AlertStoreError

        at = time.monotonic()
        if at < self._not_before:
            return False
        try:
            self._writer.write(alerts)
            self._news()
            if at >= self._forget_at:
                self._writer.forget()
                self._forget_at = at + FORGET_S
        except AlertStoreError as error:
            self._not_before = at + AGAIN_S
            if not self._failed:
                self._say(f"{error}; the alerts are kept and tried again")
            self._failed = True
            return False
        if self._failed:
            self._say("the store of alerts can be used again")
        self._failed = False
        return True
