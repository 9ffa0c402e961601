"""The tables of the documents database; `migrations/` creates them, one revision at a time."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("email", String(254), nullable=False),
    # The address in the form that two spellings of one mailbox share.
    Column("email_key", String(254), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column(
        "user_id",
        String(36),
        ForeignKey("users.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("refresh_digest", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    # SQLite numbers rows by itself only for a key of exactly this type.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(254), nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", String(254), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ip", String(45)),
)

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

kpis = Table(
    "kpis",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("expression", Text, nullable=False),
    Column("unit", String(32)),
    Column("target", Double),
    # A JSON array of bounds.
    Column("rules", Text, nullable=False),
)

dashboards = Table(
    "dashboards",
    metadata,
    Column("id", String(36), primary_key=True),
    # A user or a key; it stays when that one is gone, for admins to take over.
    Column("owner_id", String(36), nullable=False, index=True),
    Column("owner", String(254), nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # JSON.
    Column("content", Text, nullable=False),
)

dashboard_versions = Table(
    "dashboard_versions",
    metadata,
    Column(
        "dashboard_id",
        String(36),
        ForeignKey("dashboards.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(254), nullable=False),
    Column("content", Text, nullable=False),
)

dashboard_shares = Table(
    "dashboard_shares",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column(
        "dashboard_id",
        String(36),
        ForeignKey("dashboards.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("label", String(100), nullable=False),
    # Of a link; an embed's token tells by itself what it is.
    Column("digest", String(64), unique=True),
    Column("created_by_id", String(36), nullable=False),
    Column("created_by", String(254), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("look_back_ms", BigInteger, nullable=False),
    # JSON.
    Column("origins", Text, nullable=False),
    Column("filters", Text, nullable=False),
)

stars = Table(
    "stars",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    # A dashboard that people made, or a built-in one, which is in no table.
    Column("board_id", String(64), primary_key=True, index=True),
    Column("starred_at", BigInteger, nullable=False),
)
