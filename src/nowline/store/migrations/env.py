"""What Alembic runs: the revisions, on the connection that `upgrade` hands over."""

from __future__ import annotations

from alembic import context

from nowline.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can alter a table only by making it anew.
    render_as_batch=True,
)
context.run_migrations()
