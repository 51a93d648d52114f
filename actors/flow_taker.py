"""A router's side of flows: late and impossible ones are told apart, and the rest goes to whoever holds its addresses."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from actors.flow_routes import ENOUGH_ROWS, FlowRoutes
from actors.messages import Rows
from actors.sources import Reader, Sources, hours_of
from actors.steps import Counts, Reject, Send, Step
from actors.told_flows import ToldFlows, wrong_times
from actors.waiting_flows import MANY_WAITING
from ingest.blocks import Block
from ingest.enrich import Enrichment
from ingest.flows import FlowColumns
from ingest.records import HOUR_US, NETWORK, Rejected
from ingest.select import IRRELEVANT, Selected, prepared, relevant_rows, select
from ingest.told_holders import Spans


class FlowTaker(Sources):
    """The part of a `Router` that takes flows."""

    number: int
    enrichment: Enrichment
    counts: Counts
    open_hours: set[int]
    layers_since: dict[str, int]
    told: ToldFlows | None = None  # where telemetry tells who holds which address
    _flows: FlowRoutes
    _closed_at_start: int

    def _first_open(self, horizon_us: int) -> int:
        """The first hour that records may still come for: earlier ones are late."""
        return max(horizon_us // HOUR_US, self.closed_until or 0)

    # Flows

    def _prepared(self, flows: FlowColumns) -> Selected:
        about = self.enrichment
        settings = self.settings
        last = self.clock.not_after_us
        return prepared(flows, about.inventory, about.indicators, settings.sampling, last)

    def _take_flows(self, reader: Reader, chosen: Selected, horizon_us: int) -> Generator[Step, None, int]:
        for reason, number in chosen.filtered.items():
            self.counts.drop(reason, number)
        rows, first, wrong = self._without_wrong_times(chosen.rows, chosen.first)
        if wrong:
            yield Reject((_wrong_times(wrong, reader.name, int(chosen.rows["offset"][0])),))
        hours = rows["end_us"] // HOUR_US
        late = hours < self._first_open(horizon_us)
        late_flows = 0
        if late.any():
            late_flows = int(np.count_nonzero(late & first))
            before = int(np.count_nonzero(late & first & (hours < self._closed_at_start)))
            self._count_late(reader.name, late_flows, before)
            in_time = np.flatnonzero(~late)
            rows, hours = rows.take(in_time), hours[in_time]
        self.counts.flows_applied += int(np.count_nonzero(first)) - late_flows
        if len(rows):
            self._add_rows(reader.name, rows, chosen)
            yield from self._sends(ENOUGH_ROWS)
        return chosen.newest_us

    def _add_rows(self, source: str, rows: Rows, chosen: Selected) -> None:
        """Rows of hours that are open, for whoever holds their addresses."""
        ended = rows["end_us"]
        self.open_hours.update(hours_of(ended))
        oldest, since = int(ended.min()), self.layers_since.get(NETWORK)
        self.layers_since[NETWORK] = oldest if since is None else min(since, oldest)
        self._flows.add(rows, source, chosen.ids, chosen.stream)

    # Flows, where telemetry tells who holds their addresses

    def _take_untold(
        self, told: ToldFlows, reader: Reader, block: Block, horizon_us: int
    ) -> Generator[Step, None, int]:
        assert block.flows is not None
        last = self.clock.not_after_us
        newest = block.flows.newest_us(last) if block.newest_us is None else block.newest_us
        rows = relevant_rows(block.flows, self.enrichment.indicators)
        self.counts.drop(IRRELEVANT, len(block.flows) - len(rows))
        wrong = wrong_times(rows, last)
        if wrong.any():
            number = int(np.count_nonzero(wrong))
            self.counts.rejected += number
            yield Reject((_wrong_times(number, reader.name, int(rows["offset"][wrong][0])),))
        hours = rows["end_us"] // HOUR_US
        late = ~wrong & (hours < self._first_open(horizon_us))
        if late.any():
            before = int(np.count_nonzero(late & (hours < self._closed_at_start)))
            self._count_late(reader.name, int(np.count_nonzero(late)), before)
        rows, unsettled = told.wait(reader.name, rows[~(wrong | late)])
        self.counts.unsettled += unsettled
        self._give(reader.name, rows)
        yield from self._sends(ENOUGH_ROWS)
        return newest

    def _give(self, source: str, rows: Rows) -> None:
        """Flows of which it is known who holds their addresses."""
        if not len(rows):
            return
        about = self.enrichment
        flows = FlowColumns.of_rows(rows)
        chosen = select(flows, about.inventory, about.indicators, 0, self.settings.sampling)
        for reason, number in chosen.filtered.items():
            self.counts.drop(reason, number)
        self.counts.flows_applied += int(np.count_nonzero(chosen.first))
        if len(chosen.rows):
            self._add_rows(source, chosen.rows, chosen)

    def _settle(self, watermark_us: int, to_the_end: bool = False) -> None:
        """Nothing older comes from anybody."""
        for source, rows in self.told.settle(watermark_us, to_the_end) if self.told is not None else ():
            self._give(source, rows)

    def know(self, spans: Spans | None, settled_us: int) -> None:
        """What was settled for all routers."""
        if self.told is not None:
            if spans is not None:
                self.told.know(spans)
            self._settle(settled_us)

    def spans(self) -> Spans | None:
        """Who holds what, by what is settled; None where telemetry does not tell, or others settle it."""
        holders = self.told.holders if self.told is not None else None
        return holders.spans() if holders is not None else None

    def _is_full(self) -> bool:
        """Whether so many flows wait that none are read that would wait too."""
        if self.told is None or len(self.told) < MANY_WAITING or self.told.first_us is None:
            return False
        return self._readers[0].frontier_us > self.told.first_us + self.settings.lateness_us

    def _others_are_awaited(self) -> bool:
        return not self._alone and self.told is not None and len(self.told) > 0

    def _all_sent(self, until_us: int | None) -> int | None:
        """Event time before which all is sent, if it is so but for the flows that wait."""
        first_us = self.told.first_us if self.told is not None else None
        known = [one for one in (until_us, first_us) if one is not None]
        return min(known, default=None)

    def _without_wrong_times(self, rows: Rows, first: Any) -> tuple[Rows, Any, int]:
        """The rows without those before 1970 or well ahead of the clock, and how many flows those were."""
        last = self.clock.not_after_us
        known = (rows["end_us"] >= 0) & (rows["start_us"] >= 0)
        if last is not None:
            known &= rows["end_us"] <= last
        if known.all():
            return rows, first, 0
        wrong = int(np.count_nonzero(first & ~known))
        self.counts.rejected += wrong
        places = np.flatnonzero(known)
        return rows.take(places), first[places], wrong

    def _sends(self, least: int) -> Iterator[Step]:
        for shard, batch in self._flows.take(least):
            batch.router = self.number
            yield Send(shard, batch)

    def _count_late(self, source: str, number: int, closed_before: int) -> None:
        self.counts.late += number
        self.counts.closed_before += closed_before
        if number > closed_before:
            self.counts.drop_late(source, number - closed_before)


def _wrong_times(number: int, source: str, offset: int) -> Rejected:
    return Rejected(
        reason=f"{number} flows from here on have a time before 1970 or more than a day ahead of this machine's clock",
        source=source,
        offset=offset,
    )
