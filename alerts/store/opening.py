"""Opening a store: its engine, and its tables as this version needs them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

HEAD = "0006"  # the newest of `migrations`
BUSY_S = 10.0  # that a writer waits for another one
KEPT, RECYCLE_S = 2, 300  # connections to PostgreSQL that are kept, and for how long
# How soon a connection to a machine that is gone is known to be dead; the system's own answer takes hours.
ALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
LOCK = 0x5EDA  # PostgreSQL's, while tables are made


class AlertStoreError(Exception):
    """The store can't be used; one line says which and why."""


def open_engine(url: str) -> Engine:
    """The store at a URL, or at the path of an SQLite file; made and brought up to date where that is needed."""
    engine = _engine(url)
    with faults(engine):
        _migrate(engine)
    return engine


def _engine(url: str) -> Engine:
    said = url if "://" in url else f"sqlite:///{url}"
    try:
        parsed = make_url(said)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise AlertStoreError(
                f"store {shown(said)}: a URL like sqlite:///alerts.db or postgresql://HOST/NAME was expected"
            )
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    except (ArgumentError, NoSuchModuleError):
        raise AlertStoreError(
            f"store {shown(said)}: a URL like sqlite:///alerts.db or postgresql://HOST/NAME was expected"
        ) from None
    except ImportError as error:
        raise AlertStoreError(f"store {shown(said)}: {error}: install redshank[postgres]") from None
    return engine


def _sqlite(url: URL) -> Engine:
    """A connection a time: they are cheap."""
    engine = create_engine(url, poolclass=NullPool)
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _postgresql(url: URL) -> Engine:
    """Each connection is a process of the server: a few are kept, and asked whether they still are before they are used."""
    engine = create_engine(
        url,
        pool_size=KEPT,
        max_overflow=-1,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_S,
        connect_args={"connect_timeout": int(BUSY_S), **ALIVE},
    )
    event.listen(engine, "connect", _patient)
    weakref.finalize(engine, engine.pool.dispose)
    return engine


def _patient(connection: Any, _: Any) -> None:
    """Who waits for a lock waits as long as in SQLite, not for ever."""
    connection.execute(f"SET lock_timeout = {int(BUSY_S * 1000)}")
    connection.commit()


def shown(url: str) -> str:
    """A URL without its password."""
    try:
        return make_url(url).render_as_string()
    except (ArgumentError, ValueError):
        return url.partition("://")[0] + "://..."


def _connected(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begun(connection: Connection) -> None:
    # A writer takes the lock at once: who reads first and writes then would fail where another has written between.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def faults(engine: Engine) -> Iterator[None]:
    """Whatever the database says, as an AlertStoreError in one line."""
    try:
        yield
    except DBAPIError as error:
        why = " ".join(str(error.orig).split())
        raise AlertStoreError(f"store {engine.url.render_as_string()}: {why}") from None
    except SQLAlchemyError as error:
        raise AlertStoreError(
            f"store {engine.url.render_as_string()}: {' '.join(str(error).split())[:300]}"
        ) from None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes."""
    with faults(engine), engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One that reads: all of it as it stood at one moment."""
    with faults(engine), engine.begin() as connection:
        yield connection


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _migrate(engine: Engine) -> None:
    with reading(engine) as connection:
        if _version(connection) == HEAD:
            return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(
                text("SET LOCAL lock_timeout = 0")
            )  # another's upgrade takes as long as it takes
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        version = _version(connection)
        if version == HEAD:  # another process was first
            return
        if version is not None and version > HEAD:
            raise AlertStoreError(
                f"store {engine.url.render_as_string()}: was made by a newer Redshank (its tables are {version}, "
                f"known are {HEAD}): update this one"
            )
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
