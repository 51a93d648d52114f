"""What a router does where telemetry tells who holds which address: flows wait until their hour's begin is settled."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from actors.waiting_flows import MOST_WAITING, Flows, Waiting, WaitingFlows
from ingest.records import HOUR_US
from ingest.told_holders import Spans, Told, ToldHolders
from ingest.told_inventory import ToldInventory

NO_HOUR = 1 << 40


class ToldFlows:
    """Facts in, and flows out once it is settled who holds their addresses.

    All that is told of the time up to an hour's begin is known when the watermark has passed it: then the hour's flows are
    given out. `holders`: for a router that is alone; else who stands over several settles for all.
    """

    def __init__(
        self, inventory: ToldInventory, waiting: Iterable[Waiting], holders: ToldHolders | None
    ) -> None:
        self.holders = holders
        self._inventory = inventory
        self._waiting = WaitingFlows(waiting)
        self._facts: list[tuple[int, Told]] = []
        self._settled_hour = -1
        self._looked = 0  # steps since it was last looked how far all are
        if holders is not None:
            inventory.know(holders.spans())

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def first_us(self) -> int | None:
        """What is to be known for the first flows that wait: all that is older than this."""
        return self._waiting.first_us

    def take(self, told: Iterable[Told], horizon_us: int) -> None:
        """What a source tells; what is late for it counts from the bound of its lateness on."""
        self._facts += [(one.at_us, one._replace(at_us=max(one.at_us, horizon_us))) for one in told]

    def facts(self) -> list[tuple[int, Told]]:
        """What was told; it is the caller's now."""
        facts, self._facts = self._facts, []
        return facts

    def wait(self, source: str, rows: Flows) -> tuple[Flows, int]:
        """Have those wait that must, as far as there is room; the others, and how many of these had none.

        Who reads on must: a source that is behind is what the others wait for, however much it has.
        """
        must = np.flatnonzero(rows["end_us"] // HOUR_US > self._settled_hour)
        if not len(must):
            return rows, 0
        waits = must[: max(0, MOST_WAITING - len(self._waiting))]
        self._waiting.add(source, rows[waits])
        return np.delete(rows, waits), len(must) - len(waits)

    def is_due(self, sources: int) -> bool:
        """Whether it is time to look how far all sources are, which costs the more the more there are."""
        self._looked += 1
        waits = self.holders is not None and self.holders.waits
        if self._looked * 8 < sources or not (len(self._waiting) or self._facts or waits):
            return False
        self._looked = 0
        return True

    def settle(self, watermark_us: int, to_the_end: bool = False) -> list[tuple[str, Flows]]:
        """Nothing older comes any more: the flows that need not wait any longer, by source."""
        if self.holders is not None:
            self.holders.take(self.facts())
            if watermark_us > 0 or to_the_end:
                self.holders.settle(watermark_us, to_the_end)
            self._inventory.know(self.holders.spans())
        # What is told of the very moment at which an hour begins counts in it.
        hour = NO_HOUR if to_the_end else (watermark_us - 1) // HOUR_US
        self._settled_hour = max(hour, self._settled_hour)
        return self._waiting.take(self._settled_hour)

    def know(self, spans: Spans) -> None:
        """What was settled elsewhere."""
        self._inventory.know(spans)

    def state(self) -> list[Waiting]:
        """The flows that wait, for a checkpoint."""
        return self._waiting.state()


def wrong_times(rows: Flows, not_after_us: int | None) -> npt.NDArray[np.bool_]:
    """Which flows are of before 1970, or well ahead of the clock."""
    wrong: npt.NDArray[np.bool_] = (rows["end_us"] < 0) | (rows["start_us"] < 0)
    if not_after_us is not None:
        wrong |= rows["end_us"] > not_after_us
    return wrong


def known_of(told: ToldFlows | None) -> dict[str, bytes]:
    """For a router's state, if it is the one that settles: what was told by now, also what is not settled."""
    if told is None or told.holders is None:
        return {}
    told.holders.take(told.facts())
    return {"known": told.holders.packed()}
