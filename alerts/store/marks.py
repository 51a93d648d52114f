"""What was marked, for runs to learn from. A mark holds from an hour on that is said once, by whoever takes it in.

So a run that goes back to a checkpoint, or a replay of everything, judges each hour by the same marks.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, update

from alerts.alert import Alert, hour_of_time
from alerts.store.opening import reading, writing
from alerts.store.schema import MARKS

MOST = 100_000  # the latest, that runs learn from
_M = MARKS.c


class Marked(NamedTuple):
    """A mark, as it was made."""

    kind: str
    entity: str
    type: str
    start: str  # of the alert
    state: str
    made: str
    who: str
    expires: str | None
    since: int | None  # None: nobody has taken it in yet


def write_mark(
    connection: Connection, alert: Alert, state: str, who: str, now: str, expires: str | None
) -> None:
    """Put a mark in, in whose transaction it belongs."""
    entity = alert.entity.id.lower().replace("\0", "\ufffd")
    about = {"alert": alert.id, "kind": alert.entity.kind, "entity": entity, "type": alert.type}
    said = {"start": alert.start, "state": state, "made": now, "who": who, "expires": expires}
    connection.execute(insert(MARKS).values(about | said))


def stand(engine: Engine) -> tuple[int, int, int]:
    """It is another where a mark was made or taken in since."""
    asked = select(func.count(), func.count(_M.since), func.coalesce(func.max(_M.id), 0))
    with reading(engine) as connection:
        made, taken, last = connection.execute(asked).one()
    return int(made), int(taken), int(last)


def take_in(engine: Engine, first: int) -> None:
    """Say of each new mark from which hour on it holds: from `first`, and not before the hour after its alert's."""
    with writing(engine) as connection:
        new = connection.execute(select(_M.id, _M.start).where(_M.since.is_(None))).all()
        for id_, start in new:
            since = max(first, hour_of_time(start) + 1)
            connection.execute(update(MARKS).where(_M.id == id_).values(since=since))


def marks(engine: Engine) -> list[Marked]:
    """All of them (the latest `MOST`), as they were made."""
    columns = [_M[name] for name in Marked._fields]
    latest = select(*columns).order_by(_M.id.desc()).limit(MOST)
    with reading(engine) as connection:
        return [Marked(*row) for row in reversed(connection.execute(latest).all())]
