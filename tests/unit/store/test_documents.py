from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from nowline.errors import Code, NowlineError, invalid
from nowline.store import migrations
from nowline.store.documents import Documents
from nowline.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

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


def url_of(file: Path) -> str:
    return f"sqlite:///{file}"


async def open_and_close(file: Path) -> None:
    await (await Documents.open(url_of(file))).close()


async def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    file = tmp_path / "documents.db"
    documents = await Documents.open(url_of(file))
    async with documents.write() as connection:
        pragmas = [
            await connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        modes = modes_in(tmp_path)
    await documents.close()
    assert pragmas == ["wal", 2, 1]
    assert modes == {0o600}


def modes_in(folder: Path) -> set[int]:
    return {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "documents.db"
    file.touch(0o644)
    await open_and_close(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_migrations_make_the_tables_that_the_queries_use(tmp_path: Path) -> None:
    def differences(connection: Connection) -> list[object]:
        migrations.upgrade(connection)
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = create_engine(url_of(tmp_path / "documents.db"))
    with engine.begin() as connection:
        found = differences(connection)
    engine.dispose()
    assert found == []


def test_a_new_database_has_the_schema_that_all_migrations_make(tmp_path: Path) -> None:
    made, migrated = (
        schema_after(bring, tmp_path / name)
        for name, bring in (("made.db", migrations.create), ("migrated.db", migrations.upgrade))
    )
    assert made == migrated


def schema_after(bring: Callable[[Connection], None], file: Path) -> dict[str, object]:
    """What a database looks like, without the order and spelling of the statements."""
    engine = create_engine(url_of(file))
    with engine.begin() as connection:
        bring(connection)
        found = inspect(connection)
        schema: dict[str, object] = {
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
                found.get_pk_constraint(table),
                sorted(map(str, found.get_unique_constraints(table))),
                sorted(map(str, found.get_foreign_keys(table))),
                sorted(map(str, found.get_indexes(table))),
            )
            for table in found.get_table_names()
        }
        schema["revision"] = connection.scalar(text("SELECT version_num FROM alembic_version"))
    engine.dispose()
    return schema


def test_the_known_revision_is_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


async def test_an_older_schema_is_copied_and_then_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "documents.db"
    documents = await Documents.open(url_of(file))
    async with documents.write() as connection:
        await connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
    await documents.close()
    scripts = tmp_path / "migrations"
    shutil.copytree(migrations.SCRIPTS, scripts)
    (scripts / "versions" / "v0999_note.py").write_text(NEXT_SCRIPT)
    monkeypatch.setattr(migrations, "SCRIPTS", scripts)
    monkeypatch.setattr(migrations, "HEAD", NEXT)

    await open_and_close(file)

    copy = tmp_path / f"documents.db.schema-{BEFORE}.bak"
    assert rows(file) == [("kept", "yes", "new")]
    assert rows(copy) == [("kept", "yes")]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


async def test_a_database_of_the_first_release_is_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "documents.db"
    engine = create_engine(url_of(file))
    with monkeypatch.context() as patch, engine.begin() as connection:
        patch.setattr(migrations, "HEAD", "0001")
        migrations.upgrade(connection)
        connection.execute(text("INSERT INTO meta VALUES ('kept', 'yes')"))
    engine.dispose()

    await open_and_close(file)

    assert rows(file) == [("kept", "yes")]
    assert rows(tmp_path / "documents.db.schema-0001.bak") == [("kept", "yes")]
    assert rows(file, "kpis") == []


def rows(file: Path, table: str = "meta") -> list[tuple[str, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


async def test_a_migration_that_fails_leaves_the_old_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "documents.db"
    await open_and_close(file)
    scripts = tmp_path / "migrations"
    shutil.copytree(migrations.SCRIPTS, scripts)
    failing = NEXT_SCRIPT + "    op.execute('SELECT * FROM nothing')\n"
    (scripts / "versions" / "v0999_note.py").write_text(failing)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "SCRIPTS", scripts)
        patch.setattr(migrations, "HEAD", NEXT)
        with pytest.raises(NowlineError, match="nothing"):
            await open_and_close(file)

    await open_and_close(file)
    connection = sqlite3.connect(file)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(meta)")]
    connection.close()
    assert columns == ["name", "value"]


async def test_a_newer_schema_stops_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "documents.db"
    await open_and_close(file)
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(NowlineError, match="schema 9999") as caught:
        await Documents.open(url_of(file))
    assert "\n" not in caught.value.detail


async def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "documents.db"
    file.write_text("something else, and long enough to be no empty database" * 20)
    with pytest.raises(NowlineError, match=r"documents\.db cannot be opened") as caught:
        await Documents.open(url_of(file))
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NowlineError, match="cannot be opened: No such file"):
        await Documents.open(url_of(tmp_path / "nowhere" / "documents.db"))


async def test_an_exception_undoes_the_transaction(tmp_path: Path) -> None:
    documents = await Documents.open(url_of(tmp_path / "documents.db"))
    with pytest.raises(NowlineError):
        await write_and_fail(documents)
    async with documents.read() as connection:
        count = await connection.scalar(text("SELECT count(*) FROM meta"))
    await documents.close()
    assert count == 0


async def write_and_fail(documents: Documents) -> None:
    async with documents.write() as connection:
        await connection.execute(text("INSERT INTO meta VALUES ('gone', '')"))
        raise invalid("name", "is wrong")


def test_a_start_with_nothing_to_migrate_does_not_load_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from nowline.store.documents import Documents\n"
        "async def main():\n"
        f"    await (await Documents.open('{url_of(tmp_path / 'documents.db')}')).close()\n"
        "asyncio.run(main())\n"
        "print('alembic' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    loaded = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True
        ).stdout
        for _ in range(2)
    ]
    assert loaded == [b"False\n", b"False\n"]
