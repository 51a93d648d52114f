"""Alembic's entry: the connection is handed in by `alerts.store.opening`, inside its transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
