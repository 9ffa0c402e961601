"""Dashboards that people have starred."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table of stars."""
    op.create_table(
        "stars",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("board_id", sa.String(64), nullable=False),
        sa.Column("starred_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "board_id", name="pk_stars"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="fk_stars_user_id_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_stars_board_id", "stars", ["board_id"])
