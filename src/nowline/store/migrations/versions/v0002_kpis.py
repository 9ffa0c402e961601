"""Definitions of KPIs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of KPIs."""
    op.create_table(
        "kpis",
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("unit", sa.String(32)),
        sa.Column("target", sa.Double),
        sa.Column("rules", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_kpis"),
    )
