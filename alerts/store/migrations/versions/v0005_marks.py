"""Marks that runs learn from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make their table. What was marked before is not in it: nobody had said from when on it holds."""
    op.create_table(
        "marks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("alert", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("entity", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("made", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("expires", sa.String),
        sa.Column("since", sa.Integer),
        sqlite_autoincrement=True,  # the later of two marks on an alert counts
    )
