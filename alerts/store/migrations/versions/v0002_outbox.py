"""What is to be delivered to sinks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the outbox; its indexes serve what is due, what is counted, and what was told of an alert before."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("sink", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("alert", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("grave", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("made", sa.Float, nullable=False),
        sa.Column("due", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("done", sa.Float),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,  # rows are told in the order of their numbers: none may come again
    )
    op.create_index("outbox_state", "outbox", ["sink", "state", "due", "id"])
    op.create_index("outbox_alert", "outbox", ["alert", "sink", "target", "id"])
    op.create_index("outbox_day", "outbox", ["sink", "target", "state", "done"])
