"""Delivery: a thread for each sink takes what is due from the outbox, sends it, and says what became of it.

Nobody waits for it: detection only puts rows in. What is sent when is decided by what the outbox says and by
`alerts.pauses`; whatever dies here, the outbox has it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from alerts.pauses import pause_s
from alerts.routing import Route
from alerts.sinks.base import NOTHING_HELD, Held, NotNowError, RefusedError, short
from alerts.store.opening import AlertStoreError
from alerts.store.outbox import Outbox, Row
from cluster.sinking import DAY_S, Way
from cluster.snapshot import SinkNow

LOOK_S = 1.0  # between two looks at an outbox that had nothing
COUNT_S = 5.0  # between two counts
STORE_S = 5.0  # after the store has failed
FORGET_S = 3_600.0
REMEMBER_S = 30 * DAY_S  # that something was delivered
NAMED = 20  # alerts that a cap held back and that are named one by one
LEAVE_S = 3.0  # for a thread to come to its end
Say = Callable[..., object]


class Courier:
    """Delivers to one sink, from the outbox of every store."""

    def __init__(
        self,
        way: Way,
        outboxes: Sequence[Outbox],
        say: Say,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.way = way
        self._outboxes, self._say, self._clock, self._chance = outboxes, say, clock, chance
        self._failures = 0  # in a row
        self._not_before = 0.0
        self._counted_at = self._forget_at = 0.0
        self._now = SinkNow(name=way.name, kind=way.kind)
        self._delivered = self._failed = self._forgotten = 0
        self._stop = threading.Event()

    def stop(self) -> None:
        """After what is being sent."""
        self._stop.set()

    def run(self, wake: threading.Event) -> None:
        """Until `stop`."""
        while not self._stop.is_set():
            if not self._safely():
                wake.wait(self._rest_s())
                wake.clear()
        self.way.sink.close()

    def _safely(self) -> bool:
        """A thread that dies of a fault of ours would tell nobody anything any more."""
        try:
            return self.once()
        except Exception as error:
            self._say("our fault: please report it", sink=self.way.name, error=repr(error))
            self._not_before = self._clock() + STORE_S
            return False

    def _rest_s(self) -> float:
        return max(0.05, min(LOOK_S, self._not_before - self._clock())) if self._failures else LOOK_S

    def once(self) -> bool:
        """Send what is due now, at most one helping of each store; whether there was anything."""
        try:
            sent = [self._helping(outbox) for outbox in self._outboxes]
            self._keep_house()
        except AlertStoreError as error:
            self._say("the outbox can't be used", sink=self.way.name, error=str(error))
            self._not_before = self._clock() + STORE_S
            return False
        return any(sent)

    def _helping(self, outbox: Outbox) -> bool:
        way = self.way
        if self._stop.is_set() or self._clock() < self._not_before:
            return False
        rows = outbox.claim(way.name, way.sink.most, self._clock(), way.lease_s)
        if rows:
            self._tell(outbox, rows)
        return bool(rows)

    def _tell(self, outbox: Outbox, rows: list[Row]) -> str:
        """Why the sink can't take more now; '' if it can."""
        held = NOTHING_HELD
        if self.way.route.caps and rows[0].kind == "alert":
            if self._capped(outbox, rows[0]):
                outbox.hold([rows[0].id], self._clock())
                return ""
            held = Held(*outbox.held(self.way.name, rows[0].target, NAMED))
        try:
            self.way.sink.send(rows, self._clock(), held)
        except RefusedError as error:
            return self._refused(outbox, rows, error)
        except NotNowError as error:
            return self._not_now(outbox, rows, str(error), error.asked_s)
        except Exception as error:  # our fault: it is said, and the alert is not lost by it
            return self._not_now(outbox, rows, short(f"our fault, please report it: {error!r}"))
        self._taken(outbox, rows, held)
        return ""

    def _capped(self, outbox: Outbox, row: Row) -> bool:
        now = self._clock()
        today = outbox.tally(self.way.name, row.target, now - now % DAY_S)
        return is_capped(self.way.route, row, today)

    def _taken(self, outbox: Outbox, rows: list[Row], held: Held) -> None:
        now = self._clock()
        outbox.delivered([row.id for row in rows], now)
        if held.number:
            # All that it counted, named one by one or not.
            outbox.named(self.way.name, rows[0].target, held.upto, now)
        self._delivered += len(rows)
        if self._failures:
            self._say("the sink takes alerts again", sink=self.way.name)
        self._failures, self._not_before = 0, 0.0

    def _refused(self, outbox: Outbox, rows: list[Row], error: RefusedError) -> str:
        if len(rows) > 1:  # one of them may have been refused: each is asked for by itself
            for at, row in enumerate(rows, 1):
                if why := self._tell(outbox, [row]):
                    # What has gone meanwhile would cost each of the others its timeout.
                    outbox.failed([one.id for one in rows[at:]], self._not_before, why)
                    return why
            return ""
        self._failed += 1
        outbox.bury([rows[0].id], self._clock(), str(error))
        self._say(
            "refused, and given up until `redshank sinks retry`",
            sink=self.way.name,
            alert=rows[0].alert.id,
            error=str(error),
        )
        return ""

    def _not_now(self, outbox: Outbox, rows: list[Row], error: str, asked_s: float = 0.0) -> str:
        now, self._failures = self._clock(), self._failures + 1
        self._failed += 1
        if self._failures == 1:
            self._say("the sink can't be reached; its alerts wait", sink=self.way.name, error=error)
        self._not_before = now + pause_s(self._failures, self._chance(), asked_s)
        for row in rows:
            if now - row.made > self.way.give_up_s:
                outbox.bury([row.id], now, f"given up: {error}")
                self._say("given up after many tries", sink=self.way.name, alert=row.alert.id, error=error)
            else:
                outbox.failed([row.id], now + pause_s(row.tries + 1, self._chance(), asked_s), error)
        return error

    # How it stands

    def _keep_house(self) -> None:
        now = self._clock()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_S
            for outbox in self._outboxes:
                outbox.forget(now - REMEMBER_S)
        if now >= self._counted_at:
            self._counted_at = now + COUNT_S
            self._trim()
            found = [outbox.backlog(self.way.name) for outbox in self._outboxes]
            ages = [one.oldest for one in found if one.oldest is not None]
            self._now = SinkNow(
                name=self.way.name,
                kind=self.way.kind,
                waiting=sum(one.waiting for one in found),
                oldest_s=max(0.0, now - min(ages)) if ages else None,
                dead=sum(one.dead for one in found),
                held=sum(one.held for one in found),
                fault=next((one.error for one in found if one.error), "") if self._failures else "",
            )

    def _trim(self) -> None:
        """What nobody puts back does not pile up for ever."""
        if number := sum(outbox.trim(self.way.name) for outbox in self._outboxes):
            self._forgotten += number
            self._say(
                "the oldest of what was given up or held back can't be put back any more",
                sink=self.way.name,
                alerts=number,
            )

    def now(self) -> SinkNow:
        """How it stood a moment ago; its own counts are those of now."""
        told = {"delivered": self._delivered, "failed": self._failed, "forgotten": self._forgotten}
        return msgspec.structs.replace(self._now, **told)


def is_capped(route: Route, row: Row, today: dict[str, int]) -> bool:
    """Whether its target had as many of its severity today as it may. Pure."""
    cap = route.caps.get(row.alert.severity)
    return cap is not None and today.get(row.alert.severity, 0) >= cap


class Delivery:
    """All couriers, each in a thread of its own: a slow sink keeps no other waiting."""

    def __init__(self, ways: Sequence[Way], outboxes: Sequence[Outbox], say: Say) -> None:
        self._couriers = [Courier(way, outboxes, say) for way in ways]
        self._wakes = [threading.Event() for _ in ways]
        self._threads = [
            threading.Thread(target=one.run, args=(wake,), name=f"sink-{one.way.name}", daemon=True)
            for one, wake in zip(self._couriers, self._wakes, strict=True)
        ]

    def start(self) -> None:
        """Begin with what waits."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something new."""
        for one in self._wakes:
            one.set()

    def now(self) -> list[SinkNow]:
        """How each stands."""
        return [one.now() for one in self._couriers]

    def stop(self) -> None:
        """After what is being sent; who takes too long is left: what it has claimed comes again."""
        for one in self._couriers:
            one.stop()
        self.wake()
        end = time.monotonic() + LEAVE_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
