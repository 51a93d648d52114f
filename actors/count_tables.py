"""What a shard has learned of its resources' counts: a table for each baseline, in which a resource is a row.

What is learned, and what the hour's tally is told, is the same as if each resource were taken by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log10

import numpy as np
import numpy.typing as npt

from actors.judging import HELD_COUNT, HOURS_TO_HOLD, HOURS_TO_KNOW
from actors.shard_state import SavedTable
from baselines.seasonal_table import DAYS, DAYS_ROW, ROW, VERSION, SeasonalTable
from baselines.tally import Tally
from detections.declare import Learned
from detections.traffic import Traffic

Ints = npt.NDArray[np.int64]


class CountTables:
    """Those of a shard; a resource is known by its number."""

    def __init__(self, baselines: Mapping[str, Learned]) -> None:
        self._learned = {name: one for name, one in baselines.items() if one.column is not None}
        self.by_name = {name: SeasonalTable() for name in self._learned}

    def learn(self, traffic: Traffic, held: Mapping[str, Iterable[int]], tally: Tally) -> None:
        """Learn an hour of traffic; `held`: by baseline, those whose count is suspicious."""
        for name, learned in self._learned.items():
            self._learn(learned, traffic, held.get(name, ()), tally)

    def _learn(self, learned: Learned, traffic: Traffic, held: Iterable[int], tally: Tally) -> None:
        assert learned.column is not None
        entities, counts = learned.column(traffic)
        if not len(entities):
            return
        name, hour, table = learned.name, traffic.hour, self.by_name[learned.name]
        season = traffic.seasons.season(name, hour)
        hours = table.hours_learned(entities, hour)
        suspicious = np.isin(entities, list(held)) & (hours >= HOURS_TO_HOLD)
        expected = table.mean(entities, hour, season.profile)
        tally.note_many(name, counts[~suspicious], expected[~suspicious])
        known = hours >= HOURS_TO_KNOW
        plain = counts <= 2.0 * expected + 2.0
        tally.plain(name, int(np.count_nonzero(known & plain)))
        wild = known & ~plain
        tails = table.tails(entities[wild], counts[wild], hour, season.profile, season.dispersion)
        sized = ~suspicious[wild] & learned.crowd  # an attack that goes on must not become the crowd's way
        for chance, count, said in zip(tails.tolist(), counts[wild].tolist(), sized.tolist(), strict=True):
            tally.surprise(name, -log10(chance), count if said else None)
        skipped = _skipped(name, traffic, table.last_hours(entities))
        weight = np.where(suspicious, HELD_COUNT, 1.0)
        table.learn(entities, counts, hour, season.profile, season.dispersion, skipped, weight)

    def forget(self, owners: Ints) -> None:
        """Take from some what they have learned."""
        for table in self.by_name.values():
            table.forget(owners)

    def rows(self, owners: Ints) -> list[SavedTable]:
        """What a checkpoint keeps of them."""
        tables = []
        for name, table in sorted(self.by_name.items()):
            has, rows = table.rows(owners)
            tables.append((name, VERSION, has.tobytes(), rows.tobytes()))
            has, rows = table.days(owners)
            if has.any():
                tables.append((name + DAYS, VERSION, has.tobytes(), rows.tobytes()))
        return tables

    def put(self, numbers: Ints, saved: Sequence[SavedTable]) -> None:
        """Take saved rows in; `numbers`: of the resources that they tell of; less than 0: not ours."""
        for name, _, has, rows in saved:
            owners = numbers[np.frombuffer(has, bool)]
            if name in self.by_name:
                self.by_name[name].put_rows(owners[owners >= 0], np.frombuffer(rows, ROW)[owners >= 0])
        for name, _, has, rows in saved:  # after the others, which begin without
            owners = numbers[np.frombuffer(has, bool)]
            if name.endswith(DAYS) and (table := self.by_name.get(name.removesuffix(DAYS))):
                table.put_days(owners[owners >= 0], np.frombuffer(rows, DAYS_ROW)[owners >= 0])


def _skipped(name: str, traffic: Traffic, last: Ints) -> npt.NDArray[np.float64]:
    """For each last hour, the sum of the profiles of the hours since."""
    hours, index = np.unique(last, return_inverse=True)
    seasons, hour = traffic.seasons, traffic.hour
    sums = [seasons.skipped(name, one, hour) if one >= 0 else 0.0 for one in hours.tolist()]
    return np.array(sums, np.float64)[index]
