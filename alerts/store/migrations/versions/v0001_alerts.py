"""Alerts, suppression rules and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables; an index for each way of listing, ending in the order of the list."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("grave", sa.SmallInteger, nullable=False),
        sa.Column("entity", sa.String, nullable=False),
        sa.Column("region", sa.String, nullable=False),
        sa.Column("start", sa.String, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("rule", sa.Integer),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("assignee", sa.String),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    # What lists filter by stands in every index: only the rows of the page itself are read from the table.
    filters = ["shown", "rule", "type", "grave", "state"]
    op.create_index("alerts_start", "alerts", ["start", "id", *filters])
    for name in ("type", "grave", "entity", "state", "rule"):
        rest = [one for one in filters if one != name]
        op.create_index(f"alerts_{name}", "alerts", [name, "start", "id", *rest])
    op.create_table(
        "rules",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("made", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("expires", sa.String),
        sqlite_autoincrement=True,  # the number of a rule that is gone never means another one
    )
    op.create_table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("alert", sa.String),
        sa.Column("rule", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("history_alert", "history", ["alert", "id"])
