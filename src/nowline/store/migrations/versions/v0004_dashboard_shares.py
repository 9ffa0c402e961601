"""Links to dashboards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table of links."""
    op.create_table(
        "dashboard_shares",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("dashboard_id", sa.String(36), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64)),
        sa.Column("created_by_id", sa.String(36), nullable=False),
        sa.Column("created_by", sa.String(254), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("look_back_ms", sa.BigInteger, nullable=False),
        sa.Column("origins", sa.Text, nullable=False),
        sa.Column("filters", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dashboard_shares"),
        sa.UniqueConstraint("digest", name="uq_dashboard_shares_digest"),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name="fk_dashboard_shares_dashboard_id_dashboards",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_dashboard_shares_dashboard_id", "dashboard_shares", ["dashboard_id"])
