"""A database that somebody has locked: whoever writes is told so in time, and would wait for ever otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text

from alerts.store.opening import AlertStoreError
from alerts.store.store import AlertStore
from tests.cluster.receivers import an_alert

NOW = "2026-04-01T00:00:00Z"


@contextmanager
def locked(store: AlertStore) -> Iterator[None]:
    """By another connection."""
    other = create_engine(store.engine.url)
    try:
        with other.connect() as connection:
            if store.engine.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE"))
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield
    finally:
        other.dispose()


def test_a_lock_is_waited_for_only_so_long(store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.store.opening.BUSY_S", 0.2)
    patient = AlertStore(store.engine.url.render_as_string(hide_password=False))
    with locked(store), pytest.raises(AlertStoreError, match="lock"):  # while it is held
        patient.write([an_alert()], NOW)
    patient.write([an_alert()], NOW)
    assert len(patient.find("aa11")) == 1
