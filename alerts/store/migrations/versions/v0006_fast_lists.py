"""What makes big stores fast: counts by hour and by day, and an index for texts. Both are kept by triggers, whoever writes.

Also the role of a session that another system has vouched for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0006"
down_revision = "0005"

_TURN = 0x5EDB
_PERIODS = (13, 10)  # letters of a start: its hour, its day
_CHANGED = " OR ".join(
    f"old.{name} IS DISTINCT FROM new.{name}" for name in ("start", "type", "grave", "state", "shown")
)


def upgrade() -> None:
    """Make them, and count what is there."""
    op.add_column("console_sessions", sa.Column("role", sa.String))
    key = ("period", "type", "grave", "state")
    op.create_table(
        "tallies",
        sa.Column("period", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("grave", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
    )
    for letters in _PERIODS:
        op.execute(
            f"INSERT INTO tallies SELECT substr(start, 1, {letters}), type, grave, state, count(*) FROM alerts "
            "WHERE shown GROUP BY 1, 2, 3, 4"
        )
    sqlite = op.get_bind().dialect.name == "sqlite"
    (_sqlite if sqlite else _postgresql)()
    try:
        with op.get_bind().begin_nested():
            (_sqlite_texts if sqlite else _postgresql_texts)()
    except DBAPIError:
        pass  # not built in, or not ours to add: a search looks through the alerts then, as far as time allows


def _counted(row: str, by: int) -> str:
    """SQL that counts a row in or out; what comes to none goes."""
    key = f"{row}.type, {row}.grave, {row}.state"
    said = [
        f"INSERT INTO tallies (period, type, grave, state, number) VALUES (substr({row}.start, 1, {letters}), "
        f"{key}, {by}) ON CONFLICT (period, type, grave, state) DO UPDATE SET number = tallies.number + ({by});"
        for letters in _PERIODS
    ]
    if by < 0:
        said.append(
            f"DELETE FROM tallies WHERE period IN (substr({row}.start, 1, 13), substr({row}.start, 1, 10)) "
            f"AND type = {row}.type AND grave = {row}.grave AND state = {row}.state AND number = 0;"
        )
    return " ".join(said)


def _sqlite() -> None:
    changed = _CHANGED.replace("IS DISTINCT FROM", "IS NOT")  # which it has only from 3.39 on
    for name, when, body in (
        ("in", "INSERT ON alerts WHEN new.shown", _counted("new", 1)),
        ("out", "DELETE ON alerts WHEN old.shown", _counted("old", -1)),
        ("less", f"UPDATE ON alerts WHEN old.shown AND ({changed})", _counted("old", -1)),
        ("more", f"UPDATE ON alerts WHEN new.shown AND ({changed})", _counted("new", 1)),
    ):
        op.execute(f"CREATE TRIGGER tallies_{name} AFTER {when} BEGIN {body} END")


def _sqlite_texts() -> None:
    # A row's own number is not for ever (VACUUM gives new ones): places are.
    op.execute("CREATE TABLE alerts_place (place INTEGER PRIMARY KEY, id VARCHAR NOT NULL UNIQUE)")
    op.execute("INSERT INTO alerts_place (id) SELECT id FROM alerts ORDER BY start, id")
    # Three letters at a time, without their places: who asks looks at the text itself again.
    op.execute(
        "CREATE VIRTUAL TABLE alerts_text USING fts5(words, content='', tokenize='trigram', detail='none')"
    )
    op.execute(
        "INSERT INTO alerts_text (rowid, words) SELECT place, words FROM alerts_place JOIN alerts USING (id)"
    )
    put = (
        "INSERT INTO alerts_text (rowid, words) SELECT place, new.words FROM alerts_place WHERE id = new.id;"
    )
    take = (
        "INSERT INTO alerts_text (alerts_text, rowid, words) SELECT 'delete', place, old.words "
        "FROM alerts_place WHERE id = old.id;"
    )
    placed = "INSERT INTO alerts_place (id) VALUES (new.id);"
    gone = "DELETE FROM alerts_place WHERE id = old.id;"
    for name, when, body in (
        ("in", "INSERT ON alerts", placed + put),
        ("out", "DELETE ON alerts", take + gone),
        ("other", "UPDATE OF words ON alerts WHEN old.words IS NOT new.words", take + put),
    ):
        op.execute(f"CREATE TRIGGER alerts_text_{name} AFTER {when} BEGIN {body} END")


def _postgresql() -> None:
    op.execute(
        f"""
        CREATE FUNCTION redshank_tally() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP <> 'INSERT' AND old.shown THEN {_counted("old", -1)} END IF;
          IF TG_OP <> 'DELETE' AND new.shown THEN {_counted("new", 1)} END IF;
          RETURN NULL;
        END $$"""
    )
    op.execute(
        "CREATE TRIGGER tallies_rows AFTER INSERT OR DELETE ON alerts FOR EACH ROW EXECUTE FUNCTION redshank_tally()"
    )
    op.execute(
        f"CREATE TRIGGER tallies_changes AFTER UPDATE ON alerts FOR EACH ROW WHEN ({_CHANGED}) "
        "EXECUTE FUNCTION redshank_tally()"
    )
    # Two that write the same counts in different orders would wait for each other: one at a time, as in SQLite.
    op.execute(
        f"""
        CREATE FUNCTION redshank_one_writer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_advisory_xact_lock({_TURN}); RETURN NULL;
        END $$"""
    )
    op.execute(
        "CREATE TRIGGER tallies_turn BEFORE INSERT OR UPDATE OR DELETE ON alerts "
        "FOR EACH STATEMENT EXECUTE FUNCTION redshank_one_writer()"
    )
    op.execute(
        """
        CREATE FUNCTION redshank_no_tallies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          DELETE FROM tallies; RETURN NULL;
        END $$"""
    )
    op.execute(
        "CREATE TRIGGER tallies_none AFTER TRUNCATE ON alerts "
        "FOR EACH STATEMENT EXECUTE FUNCTION redshank_no_tallies()"
    )


def _postgresql_texts() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE INDEX alerts_text ON alerts USING gin (words gin_trgm_ops)")
