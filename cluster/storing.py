"""Alerts of a run into the stores that a configuration names."""

from __future__ import annotations

import threading
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
ASK_S = 5.0  # between two looks at whether the store answers
SLOW_S = 2.0  # what takes longer is said to be slow


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

    def ask(self) -> None:
        """See that all of them answer. Raises AlertStoreError."""
        from alerts.store.marks import stand

        for store in self._stores.all() if self._stores is not None else []:
            stand(store.engine)

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
        self.fault = ""  # why the store takes nothing now

    @property
    def used(self) -> bool:
        """Whether there is a store."""
        return self._writer.used

    @property
    def ready(self) -> bool:
        """Whether it is to be tried; not so soon after it has failed."""
        return time.monotonic() >= self._not_before

    def write(self, alerts: Sequence[Alert]) -> bool:
        """Whether the store has them."""
        if not self.used:
            return True
        if not self.ready:
            return False
        if not self._try(lambda: self._writer.write(alerts)):
            return False
        self._news()
        at = time.monotonic()
        if at >= self._forget_at:
            self._try(self._writer.forget)
            self._forget_at = at + FORGET_S
        return True

    def answers(self) -> bool:
        """Whether it can be read. That says nothing of whether it can be written."""
        from alerts.store.opening import AlertStoreError

        try:
            self._writer.ask()
        except AlertStoreError:
            return False
        return True

    def fail(self, why: str) -> None:
        """It is left alone for a while; that is said once."""
        self._not_before = time.monotonic() + AGAIN_S
        if not self.fault:
            self._say(f"{why}; the alerts are kept and tried again")
        self.fault = why

    def _try(self, do: Callable[[], object]) -> bool:
        from alerts.store.opening import AlertStoreError

        try:
            do()
        except AlertStoreError as error:
            self.fail(str(error))
            return False
        if self.fault:
            self._say("the store of alerts can be used again")
        self.fault = ""
        return True


class Storing:
    """Writes into the stores in a thread of its own: one that does not answer keeps nobody else waiting.

    It has one helping of alerts at a time, so nothing queues here: what is not `taken` comes again.
    """

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._lock = threading.Condition()
        self._given: list[Alert] | None = None  # being written, since ...
        self._since = 0.0
        self._has: list[str] = []  # ids that the store has, and nobody was told of it yet
        self._answered = time.monotonic()  # it was opened a moment ago
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether a helping may be given."""
        with self._lock:
            return self._given is None and not self._has and self._stored.ready

    @property
    def is_well(self) -> bool:
        """Whether it answered lately, and what it was given is not taking long."""
        now = time.monotonic()
        with self._lock:
            slow = self._given is not None and now - self._since > SLOW_S
            return not slow and now - self._answered < 3 * ASK_S

    @property
    def fault(self) -> str:
        """Why the store takes nothing now."""
        with self._lock:
            slow_s = time.monotonic() - self._since if self._given is not None else 0.0
        return self._stored.fault or (
            f"the store of alerts has not answered for {slow_s:.0f} s" if slow_s > SLOW_S else ""
        )

    def give(self, alerts: Sequence[Alert]) -> None:
        """Have these written; only when it is `ready`."""
        with self._lock:
            self._given, self._since = list(alerts), time.monotonic()
            self._lock.notify_all()

    def taken(self) -> list[str]:
        """The ids of what the store has since the last time."""
        with self._lock:
            has, self._has = self._has, []
        return has

    def settle(self, most_s: float) -> None:
        """Wait until what was given is written, or has failed, for so long at most."""
        with self._lock:
            self._lock.wait_for(lambda: self._given is None, most_s)

    def stop(self) -> None:
        """Begin nothing more; a thread that hangs in the database is left alone."""
        with self._lock:
            self._stop = True
            self._lock.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._given is not None or self._stop, ASK_S)
                if self._stop:
                    return
                given = self._given
            answers = self._safely(given)
            with self._lock:
                self._answered = time.monotonic() if answers else self._answered
                if given is not None:
                    self._given = None
                    self._has = [alert.id for alert in given] if answers else []
                    self._lock.notify_all()

    def _safely(self, given: Sequence[Alert] | None) -> bool:
        """Whether the store has them, or answers. A thread that dies of a fault of ours would store nothing any more."""
        try:
            return self._stored.answers() if given is None else self._stored.write(given)
        except Exception as error:
            self._stored.fail(f"our fault, please report it: {error!r}")
            return False
