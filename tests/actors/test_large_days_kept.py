"""The days with large hours that a machine had are part of a shard's state: else a restart would tell of its backups again."""

from __future__ import annotations

import numpy as np
import pytest

from actors.keys import GROUPS
from actors.resources import Resources
from actors.settings import Settings
from actors.shard_checks import check
from actors.shard_state import Changes, ResourceRows
from baselines.seasonal_count import SeasonalCount
from baselines.seasonal_table import DAYS, DAYS_ROW

BASELINE = "ssh.out.connections"
NAMES = ["/vm/backup", "/vm/web"]


def nightly() -> SeasonalCount:
    model = SeasonalCount()
    for day in range(14):
        model.learn_one({"hour": 490_000 + 24 * day, "count": 40 + day % 5})
    assert model.large is not None
    return model


def saved() -> ResourceRows:
    """Two resources, of which one has such days, as a checkpoint has them."""
    kept = Resources(Settings(checkpoints=True))
    models = [nightly(), SeasonalCount()]
    models[1].learn_one({"hour": 490_000, "count": 3})
    for name, model in zip(NAMES, models, strict=True):
        (number,) = kept.numbers([name], [0])
        kept._about[number] = (0, 490_400, 7)
        kept._tables[BASELINE].put(number, model)
    kept.mark()
    rows = kept.changes()
    assert rows is not None
    return rows


def days_of(resources: Resources) -> list[bool]:
    table = resources._tables[BASELINE]
    return [table.model(number).large is not None for number in resources.numbers(NAMES, [0] * len(NAMES))]


def test_a_restart_knows_the_nights_of_a_backup() -> None:
    rows = saved()
    check(Changes(resources=[rows]))
    again = Resources(Settings())
    again.load(rows, range(GROUPS))
    assert days_of(again) == [True, False]
    assert again._tables[BASELINE].model(again.numbers(NAMES, [0, 0])[0]).state() == nightly().state()


def test_what_an_older_version_saved_is_read_without_days() -> None:
    rows = saved()
    rows.tables = [table for table in rows.tables if not table[0].endswith(DAYS)]
    check(Changes(resources=[rows]))
    again = Resources(Settings())
    again.load(rows, range(GROUPS))
    assert days_of(again) == [False, False]


def test_a_later_part_takes_the_place_of_an_earlier_one() -> None:
    """Days that a later checkpoint does not have any more must not stay."""
    later = saved()
    later.tables = [table for table in later.tables if not table[0].endswith(DAYS)]
    again = Resources(Settings())
    again.load(saved(), range(GROUPS))
    again.load(later, range(GROUPS))
    assert days_of(again) == [False, False]


@pytest.mark.parametrize(("field", "value"), [("active", 0), ("counts", -1), ("profiles", 0), ("since", -1)])
def test_damaged_days_are_refused(field: str, value: int) -> None:
    """Here, with a reason, and not by wrong chances later."""
    rows = saved()
    tables = []
    for name, version, has, octets in rows.tables:
        days = np.frombuffer(octets, DAYS_ROW).copy() if name.endswith(DAYS) else None
        if days is not None:
            days[field] = value
        tables.append((name, version, has, octets if days is None else days.tobytes()))
    rows.tables = tables
    with pytest.raises(ValueError, match="days"):
        check(Changes(resources=[rows]))
