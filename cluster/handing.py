"""What a server hands over: alerts to the file and to the store, the rest to the files beside it.

Nothing queues here. What can't be handed over stays with the aggregator, whose outbox is bounded by reading no further:
`held` says why.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from actors.aggregator import OFFERED
from actors.outcome import Fresh, Numbers
from alerts.alert import Alert
from alerts.kept import KeptLines
from alerts.log import AlertLog
from cluster.logs import logger
from cluster.serve_run import ServeRun
from cluster.storing import Storing

MOST_WAITING = (
    10_000  # alerts, about 5 KB each, that wait for the file or the store before nothing more is read
)
AGAIN_S = 5.0  # after a file could not be written
LAST_S = 3.0  # for what waits when the server stops


class Handing:
    """Alerts count as taken once they are on the disk, and in the store where there is one; until then they come again,
    and both know what they have."""

    def __init__(
        self, run: ServeRun, log: AlertLog, kept: dict[str, KeptLines], storing: Storing | None = None
    ) -> None:
        self.run, self._log, self._kept, self._storing = run, log, kept, storing
        self.numbers = Numbers(0, 0, 0, 0, 0, {}, {})
        self._newer: set[str] = set()  # alerts of which there is newer word than what the store was given
        self._file_fault = ""
        self._not_before = float("-inf")
        run.keep = lambda some: self.keep("rejected", some)

    @property
    def held(self) -> str:
        """Why nothing more is to be read for now; '' if it may be."""
        if lines := next((one.fault for one in self._kept.values() if one.fault), ""):
            return lines
        if self.numbers.waiting < MOST_WAITING:
            return ""
        why = self.fault or "the store of alerts is slower than what comes"
        return f"{self.numbers.waiting:,} alerts wait: {why}"

    @property
    def fault(self) -> str:
        """Why alerts are not taken."""
        return self._file_fault or (self._storing.fault if self._storing is not None else "")

    @property
    def store_is_well(self) -> bool:
        """Whether it may be read without waiting for it."""
        return self._storing is None or self._storing.is_well

    @property
    def dropped(self) -> dict[str, int]:
        """Lines that fell out of each file of a bounded size."""
        return {name: lines.dropped for name, lines in self._kept.items()}

    def once(self, is_last: bool = False) -> bool:
        """Hand over one helping; whether there may be another at once.

        `is_last`: the last checkpoint has been taken. Alerts are known by their ids; findings that raised none would stand
        in their files twice, since the next start tells what the checkpoint has of them, and judges again what it has not.
        """
        if self._storing is not None and (has := self._storing.taken()):
            self.run.runtime.taken([id_ for id_ in has if id_ not in self._newer])
        again = time.monotonic() >= self._not_before and (self._storing is None or self._storing.ready)
        fresh = self.run.runtime.fresh(again)
        if fresh.numbers.systems_fault and not self.numbers.systems_fault:
            logger().warning("networks can't be looked up", reason=fresh.numbers.systems_fault)
        self.numbers = fresh.numbers
        if not is_last:
            self.keep("withheld", fresh.kept)
            self.keep("shadow", fresh.shadow)
        self.run.hand_rejected()
        for name, lines in self._kept.items():
            if lines.fault:
                self.keep(name, [])
        self._hand(fresh, again)
        for fault in fresh.faults:
            logger().error(
                "our fault: please report it", name=fault.name, entity=fault.entity, error=fault.error
            )
        return not self._file_fault and len(fresh.alerts) + len(fresh.shadow) >= OFFERED

    def _hand(self, fresh: Fresh, again: bool) -> None:
        if fresh.shadow:
            self.run.runtime.taken([alert.id for alert in fresh.shadow])
        written = self._written(fresh.alerts)
        if not fresh.alerts:
            return
        if not (again and written):
            self._newer.update(alert.id for alert in fresh.alerts)
        elif self._storing is None:
            self.run.runtime.taken([alert.id for alert in fresh.alerts])
        else:
            self._newer.clear()
            self._storing.give(fresh.alerts)

    def _written(self, alerts: Sequence[Alert]) -> bool:
        """Whether the file has them."""
        if time.monotonic() < self._not_before:
            return False
        try:
            self._log.write(alerts)
        except OSError as error:
            self._not_before = time.monotonic() + AGAIN_S
            if not self._file_fault:
                logger().warning(
                    "the file of alerts can't be written; they are kept and tried again", error=str(error)
                )
            self._file_fault = (
                f"the file of alerts can't be written: {(error.strerror or str(error)).lower()}"
            )
            return False
        if self._file_fault and alerts:
            logger().info("the file of alerts can be written again")
            self._file_fault = ""
        return True

    def keep(self, name: str, some: list[Any]) -> None:
        """Append to one of the files of a bounded size."""
        lines = self._kept[name]
        before = lines.fault
        if dropped := lines.append(some):
            logger().warning("the oldest of what is kept was dropped", file=f"{name}.jsonl", lines=dropped)
        if lines.fault and not before:
            logger().warning("a file can't be written; nothing more is read until it can", error=lines.fault)
        if before and not lines.fault:
            logger().info("a file can be written again", file=f"{name}.jsonl")

    def last(self) -> int:
        """Hand over what waits, before the server ends; how many alerts nobody has taken. The checkpoint has them."""
        end = time.monotonic() + LAST_S
        while True:
            self.once(is_last=True)
            if self._storing is not None:
                self._storing.settle(max(0.0, end - time.monotonic()))
            if self.fault or self.numbers.waiting == 0 or time.monotonic() >= end:
                break
        return self.numbers.waiting

    def stop(self) -> None:
        """Nothing more is handed over."""
        if self._storing is not None:
            self._storing.stop()
