"""The documents database's schema over time: forward only, one numbered revision a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from nowline.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

# As Alembic itself would make it.
_VERSION_TABLE = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""

HEAD = "0005"
"""The newest revision that this program knows; four digits, so that text order is age."""
SCRIPTS = Path(__file__).parent
"""Where the revisions are."""


def create(connection: Connection) -> None:
    """Make an empty database at `HEAD`, without a step for each revision there ever was.

    A test holds this against `upgrade` of an empty database: both make the same schema.
    """
    metadata.create_all(connection)
    connection.execute(text(_VERSION_TABLE))
    stamp = text("INSERT INTO alembic_version (version_num) VALUES (:head)")
    connection.execute(stamp, {"head": HEAD})


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
