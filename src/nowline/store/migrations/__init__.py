"""The documents database's schema over time: forward only, one numbered revision a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0001"
"""The newest revision that this program knows; four digits, so that text order is age."""
SCRIPTS = Path(__file__).parent
"""Where the revisions are."""


def upgrade(connection: Connection) -> None:
    """Bring the database up to `HEAD`, in the transaction that the connection is in."""
    # Alembic takes a good part of the start-up time, and most starts have nothing to migrate.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
