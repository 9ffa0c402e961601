"""Real PostgreSQL servers for the tests: one of our own in each test process, and a TimescaleDB.

Our own server is started when the first test asks for it and ended with the process. The
TimescaleDB is whatever runs at `NOWLINE_TEST_TIMESCALE_URL`; databases are made and dropped on it.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import pytest

from free_port import free_port
from nowline.model.level import Level
from nowline.store.activity import ActivityStore
from nowline.store.activity_postgres import PostgresActivity
from nowline.store.base import Store
from nowline.store.postgres import PostgresStore

TIMESCALE_VARIABLE = "NOWLINE_TEST_TIMESCALE_URL"
_USER = "nowline"
_PASSWORD = "a password / with @ and #"
# What a test writes need not outlive the machine.
_CONFIGURATION = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 60
shared_buffers = 64MB
listen_addresses = '127.0.0.1'
"""


class Server:
    """A PostgreSQL server, with a database for whoever asks.

    Args:
        url: A role that may create databases, and the database to connect to for that.
        extension: What every new database gets.
    """

    def __init__(self, url: str, extension: str | None = None) -> None:
        self.url = url
        self._extension = extension

    async def create_database(self) -> str:
        """The URL of a new and empty database."""
        name = f"test_{secrets.token_hex(8)}"
        await self.execute(f'CREATE DATABASE "{name}" ENCODING UTF8 TEMPLATE template0')
        url = urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        if self._extension:
            await _execute(url, f"CREATE EXTENSION IF NOT EXISTS {self._extension}")
        return url

    async def drop_database(self, url: str) -> None:
        """Drop it, whoever uses it."""
        await self.execute(f'DROP DATABASE IF EXISTS "{name_of(url)}" WITH (FORCE)')

    async def disconnect(self, url: str) -> None:
        """End every connection to the database, in the middle of whatever it is doing."""
        await self.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            f" WHERE datname = '{name_of(url)}' AND backend_type = 'client backend'"
        )

    async def execute(self, sql: str) -> None:
        """Run a statement beside the databases of the tests."""
        await _execute(self.url, sql)


class OwnServer(Server):
    """A server that runs in a folder of its own, as a user without privileges.

    Args:
        configuration: What its configuration file has besides what all have.
    """

    def __init__(self, configuration: str = "") -> None:
        self._configuration = _CONFIGURATION + configuration
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="nowline-pg-"))
        self._account = _account()
        if self._account:
            shutil.chown(self._folder, self._account)
        self._initialize()
        self._port = free_port()
        super().__init__(f"postgresql://{_USER}:{quote(_PASSWORD, safe='')}@{self._where}/postgres")

    @property
    def _where(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        options = f"-p {self._port} -k {self._folder}"
        self._control("start", "-o", options, "-l", str(self._folder / "log"))

    def crash(self) -> None:
        """End at once, as a crash does: nothing is saved that was not committed."""
        self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        """End, and leave no file behind."""
        self.crash()
        shutil.rmtree(self._folder)

    def _initialize(self) -> None:
        secret = self._folder / "password"
        secret.write_text(_PASSWORD)
        data = str(self._folder / "data")
        options = ["-U", _USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8"]
        self._run("initdb", "-D", data, *options, "--locale=C", "--no-sync")
        with (self._folder / "data/postgresql.conf").open("a") as file:
            file.write(self._configuration)

    def _control(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "-D", str(self._folder / "data"), "-w", "-s", *options)

    def _run(self, program: str, *arguments: str) -> None:
        # Not through a pipe, which the server would inherit and keep open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [self._programs / program, *arguments],
                cwd="/",
                user=self._account,
                group=self._account and pwd.getpwnam(self._account).pw_gid,
                extra_groups=[] if self._account else None,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
            said.seek(0)
            assert done.returncode == 0, f"{program} failed: {said.read().decode()}"


@dataclass(frozen=True)
class Place:
    """Where the stores of the contract's suites live: a folder there is the name of a database."""

    server: Callable[[], Server]

    async def open(self, folder: Path, keep_ms: Mapping[Level, int]) -> Store:
        """Open the store of that folder, in a database of its own."""
        return await PostgresStore.open(await self._url_of(folder), keep_ms)

    async def open_events(self, folder: Path, keep_ms: int) -> ActivityStore:
        """Open the store of events of that folder, in the same database."""
        return await PostgresActivity.open(await self._url_of(folder), keep_ms)

    def crash(self, folder: Path, to: Path) -> None:
        """Let the server crash, and name the database by the other folder from now on."""
        to.mkdir()
        (folder / "database").rename(to / "database")
        server = self.server()
        if isinstance(server, OwnServer):
            server.crash()
            server.start()
        else:
            ending = server.disconnect((to / "database").read_text())
            ended = threading.Thread(target=asyncio.run, args=[ending])
            ended.start()
            ended.join()

    async def _url_of(self, folder: Path) -> str:
        note = folder / "database"
        if not note.exists():
            note.write_text(await self.server().create_database())
        return note.read_text()


@functools.cache
def own_server() -> OwnServer:
    """The server of this test process."""
    server = OwnServer()
    server.start()
    atexit.register(server.remove)
    return server


def timescale_server() -> Server:
    """The TimescaleDB to test with."""
    return Server(os.environ[TIMESCALE_VARIABLE], "timescaledb")


PLAIN = Place(own_server)
TIMESCALE = Place(timescale_server) if os.environ.get(TIMESCALE_VARIABLE) else None
"""None where nobody gave a TimescaleDB."""


def name_of(url: str) -> str:
    """The name of the database that a URL leads to."""
    return urlsplit(url).path.removeprefix("/")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _programs() -> Path:
    """Where `initdb` is: beside what the PATH leads to, or where Debian puts the newest one."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
    if newest is None:
        pytest.fail("PostgreSQL is not installed: run tests/install-system-packages", pytrace=False)
    return newest.parent


def _account() -> str | None:
    """Who runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
