"""What the console needs: an alert's incident and time of writing as columns; users, tokens and sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INCIDENT = {"sqlite": "json_extract(body, '$.incident')", "postgresql": "body::json ->> 'incident'"}


def upgrade() -> None:
    """Add them; what is there counts as written when it began."""
    for name in ("incident", "changed"):
        op.add_column("alerts", sa.Column(name, sa.String, nullable=False, server_default=""))
    said = _INCIDENT[op.get_bind().dialect.name]
    op.execute(f"UPDATE alerts SET changed = start, incident = coalesce({said}, '')")
    op.create_index("alerts_incident", "alerts", ["incident", "start", "id", "shown"])
    op.create_index("alerts_changed", "alerts", ["changed", "shown"])
    op.create_table(
        "console_users",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("secret", sa.String, nullable=False),
        sa.Column("made", sa.String, nullable=False),
    )
    op.create_table(
        "console_tokens",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False, unique=True),
        sa.Column("made", sa.String, nullable=False),
        sa.Column("expires", sa.String),
    )
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("expires", sa.String, nullable=False),
    )
