"""Which incidents ended as part of others: their ids still lead somewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "incidents_joined",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("became", sa.String, nullable=False),
    )
    op.create_index("incidents_joined_became", "incidents_joined", ["became"])
