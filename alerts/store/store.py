"""The alerts of one store: written by upsert, listed, worked on, with a trail of who did what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, and_, delete, func, insert, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from alerts.alert import Alert, to_json
from alerts.formats.times import milliseconds
from alerts.routing import Route
from alerts.store import joining
from alerts.store.asking import batches, conditions, end_of_look, wanted_ids
from alerts.store.marks import write_mark
from alerts.store.opening import open_engine, reading, writing
from alerts.store.outbox import Outbox, enqueue
from alerts.store.schema import ALERTS, HISTORY, RULES
from alerts.store.texts import few_with
from alerts.work import Filter, Key, Rule, Scope, State, hiding, matches, words_of
from detections.declare import SEVERITIES

STEP_DONE, STEP_NOT_DONE = "step done", "step not done"
_A = ALERTS.c
_STORED = _A.body, _A.state, _A.assignee, _A.rule, _A.incident


class Stored(NamedTuple):
    """An alert with the work on it."""

    alert: Alert
    state: str
    assignee: str | None
    rule: int | None


class Page(NamedTuple):
    """A list's alerts, and whether there are more."""

    alerts: list[Stored]
    more: bool
    looked: Key | None = None  # a search has looked through what comes up to here; None: through all


class Change(NamedTuple):
    """A line of the audit trail."""

    at: str
    who: str
    what: str
    detail: str


class Trial(NamedTuple):
    """What a rule would have hidden of what is shown."""

    ids: list[str]
    marked_true: int


class AlertStore:
    """One database."""

    def __init__(self, url: str) -> None:
        """Raises AlertStoreError, as every method does where the database fails."""
        self._engine = open_engine(url)

    @property
    def outbox(self) -> Outbox:
        """What sinks are to be told of its alerts."""
        return Outbox(self._engine)

    @property
    def engine(self) -> Engine:
        """For what else is read of this store (`alerts.store.counting`, `alerts.store.people`)."""
        return self._engine

    # What a run writes

    def write(self, alerts: Iterable[Alert], now: str, routes: Sequence[Route] = ()) -> None:
        """Put alerts in, all or none: a newer word replaces an older one, an open hour's never a complete one.

        What sinks are to be told of them comes into the outbox with them; what a rule hides does not.
        """
        given, waiting = list(alerts), dict[str, int]()
        with writing(self._engine) as connection:
            rules = _rules(connection)
            joining.join(connection, joining.ended(given))
            current = joining.current(connection, given)
            for alert in given:
                row = row_of(alert, hiding(rules, alert, now), now)
                row["incident"] = current.get(row["incident"], row["incident"])
                if not routes:
                    connection.execute(self._upsert(row))
                    continue
                before = connection.execute(select(_A.body).where(_A.id == alert.id)).scalar()
                if before == row["body"] or not connection.execute(self._upsert(row)).first():
                    continue
                if row["rule"] is None or alert.withdrawn:  # who was told of it is told that it is none
                    enqueue(connection, alert, routes, seconds(now), waiting)

    def _upsert(self, row: dict[str, Any]) -> Any:
        made: Any = (postgresql if self._engine.dialect.name == "postgresql" else sqlite).insert(ALERTS)
        made, new = made.values(row), made.excluded
        kept = {"id", "state", "assignee"}  # people's work stays
        changed = {name: new[name] for name in row if name not in kept}
        news = or_(new.complete, and_(not_(_A.complete), new.grave > _A.grave))
        return made.on_conflict_do_update(index_elements=["id"], set_=changed, where=news).returning(_A.id)

    def forget(self, before: str) -> int:
        """Remove alerts that began before then, with their history; how many."""
        with writing(self._engine) as connection:
            old = select(_A.id).where(_A.start < before)
            connection.execute(delete(HISTORY).where(HISTORY.c.alert.in_(old)))
            number = connection.execute(delete(ALERTS).where(_A.start < before)).rowcount
            joining.forget(connection)
        return number

    def join(self, became: dict[str, str]) -> None:
        """Incidents ended as part of others, of which this store may have alerts too."""
        with writing(self._engine) as connection:
            joining.join(connection, became)

    # What people see

    def page(self, asked: Filter) -> Page:
        """The alerts that a filter asks for."""
        columns = select(*_STORED)
        with reading(self._engine) as connection:
            few = None if asked.text is None else few_with(connection, asked.text)
            searched = asked.text is not None and asked.look is not None and few is None
            ids = list(connection.scalars(wanted_ids(asked, few)))
            these = batches(ids[: asked.limit])
            rows = [row for some in these for row in connection.execute(columns.where(_A.id.in_(some)))]
            end = connection.execute(end_of_look(asked)).first() if searched else None
        found = {row.alert.id: row for row in map(_stored, rows)}
        looked = None if end is None else Key(*end)
        return Page([found[id_] for id_ in ids[: asked.limit]], len(ids) > asked.limit, looked)

    def suppressed(self, asked: Filter, most: int | None = None) -> int:
        """How many of what a filter asks for are hidden by a rule; beyond `most` nobody counts."""
        hidden = select(_A.id).where(_A.rule.is_not(None), *conditions(asked)).limit(most).subquery()
        counted = select(func.count()).select_from(hidden)
        with reading(self._engine) as connection:
            return int(connection.execute(counted).scalar_one())

    def find(self, beginning: str, most: int = 2) -> list[Stored]:
        """The alerts whose id begins so."""
        low = beginning.lower()
        columns = select(*_STORED).where(_A.id >= low, _A.id < low + "g")
        with reading(self._engine) as connection:
            return [_stored(row) for row in connection.execute(columns.limit(most))]

    def history(self, id_: str) -> list[Change]:
        """Who did what to an alert, oldest first."""
        c = HISTORY.c
        lines = select(c.at, c.who, c.what, c.detail).where(c.alert == id_).order_by(c.id)
        with reading(self._engine) as connection:
            return [Change(*row) for row in connection.execute(lines)]

    # What people do

    def mark(
        self, id_: str, state: State, reason: str, who: str, now: str, expires: str | None = None
    ) -> None:
        """Say whether an alert is true; runs learn what is benign, until `expires`."""
        said = Change(now, who, f"marked {state}", reason)
        with writing(self._engine) as connection:
            self._change_in(connection, id_, {"state": state}, said)
            body = connection.execute(select(_A.body).where(_A.id == id_)).scalar()
            if body is not None:
                write_mark(connection, _decoder.decode(body), state, who, now, expires)

    def assign(self, id_: str, to: str, who: str, now: str) -> None:
        """Give it to somebody; to nobody where `to` is empty."""
        what = "assigned" if to else "taken from its assignee"
        self._change(id_, {"assignee": to or None}, Change(now, who, what, to))

    def note(self, id_: str, text: str, who: str, now: str) -> None:
        """Write something down about it."""
        self._change(id_, {}, Change(now, who, "note", text))

    def step(self, id_: str, text: str, done: bool, who: str, now: str) -> None:
        """Say that a step of the remediation is done, or is not."""
        self._change(id_, {}, Change(now, who, STEP_DONE if done else STEP_NOT_DONE, text))

    def _change(self, id_: str, values: dict[str, Any], said: Change) -> None:
        with writing(self._engine) as connection:
            self._change_in(connection, id_, values, said)

    def _change_in(self, connection: Connection, id_: str, values: dict[str, Any], said: Change) -> None:
        if values:
            connection.execute(update(ALERTS).where(_A.id == id_).values(values))
        connection.execute(insert(HISTORY).values(alert=id_, **said._asdict()))

    # Rules

    def rules(self) -> list[Rule]:
        """All rules, oldest first."""
        with reading(self._engine) as connection:
            return _rules(connection)

    def try_rule(self, scope: Scope) -> Trial:
        """What it would have hidden."""
        with reading(self._engine) as connection:
            return _trial(connection, scope)

    def suppress(self, scope: Scope, expires: str | None, reason: str, who: str, now: str) -> tuple[int, int]:
        """Save a rule and hide what it matches; its number and how many it hid."""
        with writing(self._engine) as connection:
            ids = _trial(connection, scope).ids
            body = msgspec.json.encode(scope).decode()
            values = {"scope": body, "made": now, "who": who, "reason": reason, "expires": expires}
            rule = int(connection.execute(insert(RULES).values(values).returning(RULES.c.id)).scalar_one())
            said = {
                "at": now,
                "who": who,
                "what": "suppressed",
                "rule": rule,
                "detail": f"rule {rule}: {scope}",
            }
            connection.execute(insert(HISTORY).values(said))
            for some in batches(ids):
                connection.execute(update(ALERTS).where(_A.id.in_(some)).values(rule=rule, shown=False))
                connection.execute(insert(HISTORY), [{**said, "alert": id_} for id_ in some])
        return rule, len(ids)

    def unsuppress(self, rule: int, who: str, now: str) -> int | None:
        """Remove a rule; what it alone hid is shown again. How many it had hidden, None if there is no such rule."""
        with writing(self._engine) as connection:
            if not connection.execute(delete(RULES).where(RULES.c.id == rule)).rowcount:
                return None
            left = _rules(connection)
            rows = connection.execute(select(_A.id, _A.body).where(_A.rule == rule)).all()
            said = {"at": now, "who": who, "what": "unsuppressed", "rule": rule, "detail": f"rule {rule}"}
            connection.execute(insert(HISTORY).values(said))
            for id_, body in rows:
                alert = _decoder.decode(body)
                other = hiding(left, alert, now)
                shown = other is None and not alert.withdrawn
                connection.execute(update(ALERTS).where(_A.id == id_).values(rule=other, shown=shown))
                connection.execute(insert(HISTORY).values({**said, "alert": id_}))
        return len(rows)


_decoder = msgspec.json.Decoder(Alert)


def row_of(alert: Alert, rule: int | None, now: str = "") -> dict[str, Any]:
    """An alert as a row that nobody has worked on."""
    return {
        "id": alert.id,
        "type": alert.type,
        "grave": SEVERITIES.index(alert.severity),
        "entity": alert.entity.id.lower().replace("\0", "\ufffd"),
        "region": alert.region,
        "start": alert.start,
        "complete": alert.complete is not False,
        "shown": rule is None and not alert.withdrawn,
        "rule": rule,
        "state": "open",
        "assignee": None,
        "incident": alert.incident.replace("\0", "\ufffd"),
        "changed": now,
        "words": words_of(alert).replace("\0", "\ufffd"),  # PostgreSQL has no text with it
        "body": to_json(alert).decode(),
    }


def seconds(now: str) -> float:
    """A time as the outbox has it."""
    return (milliseconds(now) or 0) / 1000


def _stored(row: Any) -> Stored:
    alert = _decoder.decode(row[0])
    alert.incident = row[4]  # it may have become part of an older one since
    return Stored(alert, row[1], row[2], row[3])


def _rules(connection: Connection) -> list[Rule]:
    c = RULES.c
    rows = connection.execute(select(c.id, c.scope, c.made, c.who, c.reason, c.expires).order_by(c.id))
    return [
        Rule(
            id=row[0],
            scope=msgspec.json.decode(row[1], type=Scope),
            made=row[2],
            who=row[3],
            reason=row[4],
            expires=row[5],
        )
        for row in rows
    ]


def _trial(connection: Connection, scope: Scope) -> Trial:
    asked = Filter(type=scope.type, entity=scope.entity)
    rows = connection.execute(select(_A.body, _A.state).where(_A.shown, *conditions(asked)))
    found = [
        (alert.id, state)
        for alert, state in ((_decoder.decode(b), s) for b, s in rows)
        if matches(scope, alert)
    ]
    return Trial([id_ for id_, _ in found], sum(state == "true" for _, state in found))
