"""The outbox: what is to be told to sinks, kept in the store of the alerts until it was.

A row comes in with its alert, in one transaction; it is claimed for a while before it is sent, and goes out of
`waiting` after. So whatever dies in between, it is sent: at least once, and of one alert in the order it was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, exists, func, insert, or_, select, update

from alerts.alert import Alert, to_json
from alerts.routing import Kind, Past, Route, word
from alerts.store.opening import AlertStoreError, reading, writing
from alerts.store.schema import ALERTS, OUTBOX
from detections.declare import SEVERITIES

WAITING, DELIVERED, DEAD = "waiting", "delivered", "dead"
HELD, NAMED, HIDDEN = "held", "named", "hidden"  # by a cap; in a later message; by a rule
MOST = 100_000  # that wait for a sink, are dead, or are held back: of each so many
FULL = f"more than {MOST:,} waited"
BATCH = 500
_O = OUTBOX.c
_decoder = msgspec.json.Decoder(Alert)


class Row(NamedTuple):
    """Something that a sink is to be told."""

    id: int
    target: str
    kind: Kind
    alert: Alert
    made: float
    tries: int  # before this one


class Backlog(NamedTuple):
    """What has not come to its end for a sink."""

    waiting: int
    oldest: float | None  # since when the oldest of them waits
    dead: int
    held: int
    error: str  # of the newest that waits or is dead


def enqueue(
    connection: Connection, alert: Alert, routes: Sequence[Route], now: float, waiting: dict[str, int]
) -> None:
    """Put in what sinks are to be told of an alert of which there is news. Raises AlertStoreError where a sink is to be
    waited for that has no room: then the alert is not in the store either, and comes again.

    `waiting` is kept over a transaction: how many rows wait for each sink, counted once.
    """
    for route in routes:
        for target in route.targets:
            past = _past(connection, route.name, target, alert.id)
            kind = word(route, alert, past)
            if alert.withdrawn and past is not None:
                _unsaid(connection, route.name, target, alert.id, past)
            if kind is not None:
                full = _is_full(connection, route, waiting)
                connection.execute(insert(OUTBOX).values(_values(route, target, alert, kind, now, full)))


def _is_full(connection: Connection, route: Route, waiting: dict[str, int]) -> bool:
    """Whether there is no room for one more; if there is, it is counted as taken."""
    number = waiting.get(route.name)
    number = _waiting(connection, route.name) if number is None else number
    full = number >= MOST
    waiting[route.name] = number + (not full)
    if full and route.when_full == "wait":
        raise AlertStoreError(
            f"sink {route.name}: {MOST:,} alerts wait for it already, and there is no room for more"
        )
    return full


def _values(route: Route, target: str, alert: Alert, kind: Kind, now: float, full: bool) -> dict[str, Any]:
    return {
        "sink": route.name,
        "target": target,
        "alert": alert.id,
        "kind": kind,
        "grave": SEVERITIES.index(alert.severity),
        "state": DEAD if full else WAITING,
        "made": now,
        "due": 0.0,
        "tries": 0,
        "done": now if full else None,
        "error": FULL if full else "",
        "body": to_json(alert).decode(),
    }


def _waiting(connection: Connection, sink: str) -> int:
    some = select(_O.id).where(_O.sink == sink, _O.state == WAITING).limit(MOST).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _past(connection: Connection, sink: str, target: str, alert: str) -> Past | None:
    rows = connection.execute(
        select(_O.kind, _O.grave, _O.state, _O.tries)
        .where(_O.alert == alert, _O.sink == sink, _O.target == target, _O.state != HIDDEN)
        .order_by(_O.id)
    ).all()
    if not rows:
        return None
    tried = any(state in (DELIVERED, NAMED) or tries for _, _, state, tries in rows)
    return Past(rows[-1][0], max(row[1] for row in rows), tried)


def _unsaid(connection: Connection, sink: str, target: str, alert: str, past: Past) -> None:
    """Of an alert that was withdrawn nothing is held back; where nobody can have heard of it, nothing is told at all."""
    waits = and_(_O.state.in_((WAITING, DEAD)), _O.tries == 0)
    untold = _O.state == HELD if past.tried else or_(_O.state == HELD, waits)
    mine = and_(_O.alert == alert, _O.sink == sink, _O.target == target)
    connection.execute(delete(OUTBOX).where(mine, untold))


class Outbox:
    """What waits in one store. Every method raises AlertStoreError where the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, sink: str, most: int, now: float, lease_s: float) -> list[Row]:
        """Rows that are due, which nobody else gets for so long; of an alert only the oldest that waits."""
        with reading(self._engine) as connection:  # nearly always there is none: no lock is taken for that
            if not connection.execute(_due(sink, 1, now)).first():
                return []
        with writing(self._engine) as connection:
            due = _due(sink, most, now).with_for_update(skip_locked=True, of=OUTBOX)
            found = connection.execute(due).all()
            hidden = [row.id for row in found if row.rule is not None and row.kind == "alert"]
            _set(connection, hidden, state=HIDDEN, done=now, body="")
            taken = [row for row in found if row.id not in set(hidden)]
            _set(connection, [row.id for row in taken], due=now + lease_s, tries=_O.tries + 1)
            rows = [(one.id, _row(one)) for one in taken]
            broken = [id_ for id_, row in rows if row is None]
            _set(connection, broken, state=DEAD, done=now, error="can't be read by this version")
        return [row for _, row in rows if row is not None]

    def delivered(self, ids: Sequence[int], now: float) -> None:
        """They were taken. The mark that they were stays: a newer word, and a withdrawal, depend on it."""
        with writing(self._engine) as connection:
            _set(connection, ids, state=DELIVERED, done=now, body="", error="")

    def failed(self, ids: Sequence[int], due: float, error: str) -> None:
        """They were not, and are tried again."""
        with writing(self._engine) as connection:
            _set(connection, ids, due=due, error=error)

    def bury(self, ids: Sequence[int], now: float, error: str) -> None:
        """They never will be, unless somebody puts them back."""
        with writing(self._engine) as connection:
            _set(connection, ids, state=DEAD, done=now, error=error)

    def retry(self, sink: str, now: float) -> int:
        """Dead ones wait again, and what waits after a failure is tried at once; how many were dead."""
        waits = update(OUTBOX).where(_O.sink == sink, _O.state == WAITING, _O.error != "")
        dead = update(OUTBOX).where(_O.sink == sink, _O.state == DEAD)
        with writing(self._engine) as connection:
            connection.execute(waits.values(due=0.0))
            again = dead.values(
                state=WAITING, due=0.0, done=None, made=now
            )  # it is given up as late as a new one
            return connection.execute(again).rowcount

    def forget(self, before: float) -> int:
        """Remove what came to its end before then and was not dead."""
        over = (DELIVERED, NAMED, HIDDEN)
        with writing(self._engine) as connection:
            return connection.execute(delete(OUTBOX).where(_O.state.in_(over), _O.done < before)).rowcount

    def trim(self, sink: str) -> int:
        """Remove the oldest of what is dead or held back beyond `MOST`; how many. Their alerts stay in the store."""
        removed = 0
        for state in (DEAD, HELD):
            mine = and_(_O.sink == sink, _O.state == state)
            with reading(self._engine) as connection:
                beyond = select(_O.id).where(mine).order_by(_O.id.desc()).offset(MOST).limit(1)
                last = connection.execute(beyond).scalar()
            if last is not None:
                with writing(self._engine) as connection:
                    removed += connection.execute(delete(OUTBOX).where(mine, _O.id <= last)).rowcount
        return removed

    # Caps

    def tally(self, sink: str, target: str, since: float) -> dict[str, int]:
        """How many messages on alerts a target had since then, by severity."""
        counted = (
            select(_O.grave, func.count())
            .where(_O.sink == sink, _O.target == target, _O.state == DELIVERED, _O.done >= since)
            .where(_O.kind == "alert")
            .group_by(_O.grave)
        )
        with reading(self._engine) as connection:
            return {SEVERITIES[grave]: number for grave, number in connection.execute(counted)}

    def hold(self, ids: Sequence[int], now: float) -> None:
        """A cap holds them back, until a later message names them."""
        with writing(self._engine) as connection:
            _set(connection, ids, state=HELD, done=now, error="", tries=_O.tries - 1)  # it was not sent

    def held(self, sink: str, target: str, most: int) -> tuple[list[Row], int, int]:
        """The oldest of what is held back from a target, how many there are in all, and the newest one's number."""
        mine = and_(_O.sink == sink, _O.target == target, _O.state == HELD)
        joined = OUTBOX.outerjoin(ALERTS, ALERTS.c.id == _O.alert)
        shown = and_(mine, ALERTS.c.rule.is_(None))  # what a rule has hidden since is not named
        with reading(self._engine) as connection:
            counted = select(func.count(), func.max(_O.id)).select_from(joined).where(shown)
            number, upto = connection.execute(counted).one()
            asked = _columns().select_from(joined).where(shown).order_by(_O.id).limit(most)
            rows = [_row(one) for one in connection.execute(asked)]
        return [row for row in rows if row is not None], int(number), upto or 0

    def named(self, sink: str, target: str, upto: int, now: float) -> None:
        """What was held back, up to that row, was named."""
        mine = and_(_O.sink == sink, _O.target == target, _O.state == HELD, _O.id <= upto)
        with writing(self._engine) as connection:
            connection.execute(update(OUTBOX).where(mine).values(state=NAMED, done=now, body=""))

    # How it stands

    def backlog(self, sink: str) -> Backlog:
        """What has not come to its end; cheap, however much was delivered."""
        open_ = (WAITING, DEAD, HELD)
        counted = (
            select(_O.state, func.count(), func.min(_O.made))
            .where(_O.sink == sink, _O.state.in_(open_))
            .group_by(_O.state)
        )
        with reading(self._engine) as connection:
            found = {state: (int(number), made) for state, number, made in connection.execute(counted)}
            error = _error(connection, sink, WAITING) or _error(connection, sink, DEAD)
        waiting, oldest = found.get(WAITING, (0, None))
        none = (0, None)
        return Backlog(waiting, oldest, found.get(DEAD, none)[0], found.get(HELD, none)[0], error)

    def told(self, sink: str) -> tuple[int, float | None]:
        """How many messages were delivered, as far as that is remembered, and when the last one was."""
        counted = select(func.count(), func.max(_O.done)).where(_O.sink == sink, _O.state == DELIVERED)
        with reading(self._engine) as connection:
            number, last = connection.execute(counted).one()
        return int(number), last

    def sinks(self) -> list[str]:
        """Every sink that has rows, known to the configuration or not."""
        with reading(self._engine) as connection:
            return list(connection.scalars(select(_O.sink).distinct().order_by(_O.sink)))


def _error(connection: Connection, sink: str, state: str) -> str:
    """What the row says that was tried last: it is due last."""
    last = select(_O.error).where(_O.sink == sink, _O.state == state).order_by(_O.due.desc(), _O.id.desc())
    return connection.execute(last.limit(1)).scalar() or ""


def _columns() -> Any:
    return select(_O.id, _O.target, _O.kind, _O.body, _O.made, _O.tries)


def _due(sink: str, most: int, now: float) -> Any:
    before = OUTBOX.alias()
    earlier = exists().where(
        before.c.alert == _O.alert,
        before.c.sink == _O.sink,
        before.c.target == _O.target,
        before.c.state == WAITING,
        before.c.id < _O.id,
    )
    return (
        _columns()
        .add_columns(ALERTS.c.rule)
        .select_from(OUTBOX.outerjoin(ALERTS, ALERTS.c.id == _O.alert))
        .where(_O.sink == sink, _O.state == WAITING, _O.due <= now, ~earlier)
        .order_by(_O.due, _O.id)  # one that fails for its own sake lets the others pass
        .limit(most)
    )


def _set(connection: Connection, ids: Iterable[int], **values: Any) -> None:
    these = list(ids)
    for at in range(0, len(these), BATCH):
        connection.execute(update(OUTBOX).where(_O.id.in_(these[at : at + BATCH])).values(**values))


def _row(one: Any) -> Row | None:
    """None where another version has written what this one can't read."""
    try:
        alert = _decoder.decode(one.body)
    except msgspec.MsgspecError:
        return None
    return Row(one.id, one.target, cast(Kind, one.kind), alert, one.made, one.tries)
