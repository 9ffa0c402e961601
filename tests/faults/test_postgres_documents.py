"""Migrations of the documents on PostgreSQL, and what happens when they or the server fail."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from nowline.errors import Code, NowlineError
from nowline.store import accounts, migrations, postgres_documents
from nowline.store.documents import Documents
from nowline.store.tables import metadata
from postgres import OwnServer, own_server

BEFORE, NEXT = migrations.HEAD, "0999"
NEXT_SCRIPT = f"""
from alembic import op
import sqlalchemy as sa
revision = "{NEXT}"
down_revision = "{BEFORE}"
def upgrade():
    with op.batch_alter_table("meta") as table:
        table.add_column(sa.Column("note", sa.Text, nullable=False, server_default="new"))
"""


@pytest.fixture
def server() -> OwnServer:
    return own_server()


@pytest.fixture
async def url(server: OwnServer) -> AsyncIterator[str]:
    made = await server.create_database()
    yield made
    await server.drop_database(made)


async def open_and_close(url: str) -> None:
    await (await Documents.open(url)).close()


async def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets there be one more revision, with this script."""

    def add(script: str) -> None:
        scripts = tmp_path / "migrations"
        shutil.copytree(migrations.SCRIPTS, scripts)
        (scripts / "versions" / "v0999_note.py").write_text(script)
        monkeypatch.setattr(migrations, "SCRIPTS", scripts)
        monkeypatch.setattr(migrations, "HEAD", NEXT)

    return add


async def put(url: str, name: str) -> None:
    documents = await Documents.open(url)
    async with documents.write() as connection:
        await accounts.put_value(connection, name, "yes")
    await documents.close()


async def test_an_older_schema_is_copied_and_then_migrated(
    url: str, next_revision: Callable[[str], None]
) -> None:
    await put(url, "kept")
    next_revision(NEXT_SCRIPT)
    await open_and_close(url)
    assert await rows(url, "SELECT * FROM nowline.meta") == [("kept", "yes", "new")]
    copy = f"nowline_backup_{BEFORE}"
    assert await rows(url, f"SELECT * FROM {copy}.meta") == [("kept", "yes")]
    assert await rows(url, f"SELECT * FROM {copy}.alembic_version") == [(BEFORE,)]


async def test_a_migration_that_fails_leaves_the_old_schema(
    url: str, next_revision: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(url, "kept")
    with monkeypatch.context():
        next_revision(NEXT_SCRIPT + "    op.execute('SELECT * FROM nothing')\n")
        with pytest.raises(NowlineError, match="nothing"):
            await open_and_close(url)
    assert await rows(url, "SELECT * FROM nowline.meta") == [("kept", "yes")]
    schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'nowline%'"
    assert await rows(url, schemas) == [("nowline",)]


async def test_servers_that_start_at_once_make_one_schema(url: str) -> None:
    await asyncio.gather(*(open_and_close(url) for _ in range(4)))
    found = await rows(url, "SELECT version_num FROM nowline.alembic_version")
    assert found == [(migrations.HEAD,)]


async def test_a_newer_schema_stops_the_start_with_one_line(url: str) -> None:
    await open_and_close(url)
    await rows(url, "UPDATE nowline.alembic_version SET version_num = '9999'")
    with pytest.raises(NowlineError, match="schema 9999") as caught:
        await Documents.open(url)
    assert "\n" not in caught.value.detail


async def test_other_tables_of_those_names_are_left_alone(url: str) -> None:
    await rows(url, "CREATE TABLE public.users (mine int)")
    await rows(url, "INSERT INTO public.users VALUES (1)")
    await open_and_close(url)
    assert await rows(url, "SELECT * FROM public.users") == [(1,)]


async def test_a_new_database_has_the_schema_that_all_migrations_make(server: OwnServer) -> None:
    made, migrated = [
        await schema_after(bring, await server.create_database())
        for bring in (migrations.create, migrations.upgrade)
    ]
    assert made == migrated


async def schema_after(bring: Callable[[Connection], None], url: str) -> dict[str, object]:
    """What a database looks like, without the order and spelling of the statements."""
    engine = await postgres_documents.create_engine(url)
    try:
        return await _described(bring, engine)
    finally:
        await engine.dispose()


async def _described(bring: Callable[[Connection], None], engine: AsyncEngine) -> dict[str, object]:
    async with engine.execution_options(writes=True).begin() as connection:
        await connection.run_sync(bring)
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
        assert differences == []
        return await connection.run_sync(_schema)


def _schema(connection: Connection) -> dict[str, object]:
    found = inspect(connection)
    schema: dict[str, object] = {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            str(found.get_pk_constraint(table)),
            sorted(map(str, found.get_unique_constraints(table))),
            sorted(map(str, found.get_foreign_keys(table))),
            sorted(map(str, found.get_indexes(table))),
        )
        for table in found.get_table_names()
    }
    schema["revision"] = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return schema


async def test_a_server_that_goes_away_is_told_and_found_again(server: OwnServer, url: str) -> None:
    documents = await Documents.open(url)
    await put(url, "kept")
    server.crash()
    try:
        for ask in (documents.read, documents.write):
            with pytest.raises(NowlineError) as caught:
                async with ask() as connection:
                    await accounts.value(connection, "kept")
            assert caught.value.code is Code.UNAVAILABLE
    finally:
        server.start()
    async with documents.read() as connection:
        assert await accounts.value(connection, "kept") == "yes"
    await documents.close()


async def test_a_connection_that_is_cut_in_a_transaction_undoes_it(
    server: OwnServer, url: str
) -> None:
    documents = await Documents.open(url)

    async def write_and_be_cut_off() -> None:
        async with documents.write() as connection:
            await accounts.put_value(connection, "gone", "yes")
            await server.disconnect(url)
            await accounts.put_value(connection, "gone too", "yes")

    with pytest.raises(NowlineError) as caught:
        await write_and_be_cut_off()
    assert caught.value.code is Code.UNAVAILABLE
    async with documents.read() as connection:
        assert await accounts.value(connection, "gone") is None
    await documents.close()


async def test_a_reader_sees_one_state(url: str) -> None:
    documents = await Documents.open(url)
    async with documents.read() as connection:
        assert await accounts.value(connection, "new") is None
        await put(url, "new")
        assert await accounts.value(connection, "new") is None
    async with documents.read() as connection:
        assert await accounts.value(connection, "new") == "yes"
    await documents.close()
