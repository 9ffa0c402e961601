"""What `nowline doctor` looks at on this machine; each check tells, and changes nothing."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import nowline
from nowline.api.page import Page
from nowline.backup.staging import Sources
from nowline.bus import logcopy
from nowline.config import ConfigError, Settings, signing_key
from nowline.errors import NowlineError
from nowline.ingest import native
from nowline.store import activity_inspection, migrations

_OTHERS = 0o077
_LEAST_FREE = 256 << 20
_LITTLE_FREE = 2 << 30
# 10,000 live connections, and what the server needs besides.
_MANY_FILES = 10_256
_AHEAD_S = 60


class Status(Enum):
    """How a check went: only a failure makes `nowline doctor` fail."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to know or to do."""

    name: str
    status: Status
    detail: str


def folder(settings: Settings) -> Check:
    """The data folder is ours, and nobody else's."""
    path, name = settings.data_dir, "data folder"
    if not path.is_dir():
        return Check(name, Status.FAILURE, f"{path} is not there; `nowline up` makes it")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Check(name, Status.FAILURE, f"{path} cannot be written to by this user")
    if path.stat().st_mode & _OTHERS:
        return Check(name, Status.FAILURE, f"{path} is open to other users: chmod 700 {path}")
    return Check(name, Status.OK, f"{path}, writable, for its owner only")


def disk(settings: Settings) -> Check:
    """There is room for more rows, and for what compaction and a backup write."""
    folders = {_nearest(settings.data_dir), _nearest(settings.store_path.parent)}
    free, path = min((shutil.disk_usage(each).free, each) for each in folders)
    status = Status.OK if free >= _LITTLE_FREE else Status.WARNING
    if free < _LEAST_FREE:
        status = Status.FAILURE
    return Check("disk space", status, f"{size(free)} free on {path}")


def key(settings: Settings) -> Check:
    """The key that signs tokens is there and secret."""
    path, name = settings.secret_path, "signing key"
    if settings.secret_key is None and not path.exists():
        return Check(name, Status.OK, "is made at the first start")
    try:
        signing_key(settings)
        mode = 0 if settings.secret_key else path.stat().st_mode & _OTHERS
    except (ConfigError, OSError) as error:
        return Check(name, Status.FAILURE, str(error))
    if mode:
        return Check(name, Status.FAILURE, f"{path} is open to other users: chmod 600 {path}")
    return Check(name, Status.OK, "from a setting" if settings.secret_key else f"{path}, secret")


def documents(settings: Settings) -> Check:
    """The database of users, keys and dashboards is sound and of a schema that is known."""
    name = "documents"
    if not settings.documents_url.startswith("sqlite:"):
        return Check(name, Status.OK, "in PostgreSQL")
    path = Sources.of(settings.data_dir, settings.store_path).documents
    if not path.exists():
        return Check(name, Status.OK, "are made at the first start")
    try:
        fault, revision = _documents(path)
    except sqlite3.Error as error:
        return Check(name, Status.FAILURE, f"{path}: {error}")
    if fault:
        return Check(name, Status.FAILURE, f"{path} is damaged ({fault}): restore a backup")
    if revision > migrations.HEAD:
        return Check(name, Status.FAILURE, f"{path} has schema {revision}, of a newer Nowline")
    waits = "" if revision == migrations.HEAD else f"; the next start brings {migrations.HEAD}"
    return Check(name, Status.OK, f"{path}, sound, schema {revision}{waits}")


def log(settings: Settings) -> Check:
    """The log is sound, keeps what it is told, and has no dead letters."""
    if not settings.bus_url.startswith("memory:"):
        return _log_in_redis(settings.bus_url)
    path = Sources.of(settings.data_dir, settings.store_path).log
    if not path.exists():
        return Check("log", Status.OK, "is made at the first start")
    try:
        found = logcopy.summarize(path)
    except sqlite3.Error as error:
        return Check("log", Status.FAILURE, f"{path}: {error}")
    if found.fault:
        rest = "the next start sets it aside and goes on with what can be read of it"
        return Check("log", Status.FAILURE, f"{path} is damaged ({found.fault}): {rest}")
    detail = f"{path}, sound, {found.records:,} of {found.head:,} records held"
    return _with_letters(Check("log", Status.OK, detail), found.letters)


def events(settings: Settings) -> Check:
    """The file of events is sound."""
    if settings.store_url.startswith("postgresql:"):
        return Check("events", Status.OK, "in PostgreSQL")
    path = Sources.of(settings.data_dir, settings.store_path).activity
    if not path.exists():
        return Check("events", Status.OK, "are kept from the first start on")
    try:
        fault = activity_inspection.fault_of(path)
    except sqlite3.Error as error:
        return Check("events", Status.FAILURE, f"{path}: {error}")
    if fault:
        return Check("events", Status.FAILURE, f"{path} is damaged ({fault}): restore a backup")
    return Check("events", Status.OK, f"{path}, sound")


def open_files(_settings: Settings) -> Check:
    """A live connection takes an open file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most >= _MANY_FILES:
        return Check("open files", Status.OK, "enough for 10,000 live connections")
    detail = f"limited to {most:,}: about {max(0, most - 256):,} live connections"
    return Check("open files", Status.WARNING, detail)


def clock(settings: Settings) -> Check:
    """The clock is not behind the program, nor behind the data."""
    now = time.time()
    built = Path(nowline.__file__).stat().st_mtime
    if now < built - _AHEAD_S:
        return Check("clock", Status.FAILURE, "is behind the time of the installed program")
    sources = Sources.of(settings.data_dir, settings.store_path)
    newest = max((_changed(path) for path in (sources.store, sources.log)), default=0.0)
    if now < newest - _AHEAD_S:
        return Check("clock", Status.FAILURE, "is behind the time of the last write to the data")
    return Check("clock", Status.OK, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


def page(_settings: Settings) -> Check:
    """The page is part of the installation."""
    try:
        Page().respond("index.html", "")
    except NowlineError as error:
        return Check("page", Status.FAILURE, error.detail)
    return Check("page", Status.OK, "is built")


def scanner(_settings: Settings) -> Check:
    """The native scanner could be built."""
    if native.IS_BUILT:
        return Check("scanner", Status.OK, "is native")
    detail = "is not native, so that bodies take longer to read: install Nowline with a C compiler"
    return Check("scanner", Status.WARNING, detail)


def size(count: int) -> str:
    """Bytes as a person reads them."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, max(0, (len(str(abs(count))) - 1) // 3))
    return f"{count:,} B" if not power else f"{count / 1000**power:,.1f} {units[power]}"


def _log_in_redis(url: str) -> Check:
    # As in the server: its driver is loaded where it is used.
    from nowline.bus.redis_look import look  # noqa: PLC0415

    try:
        found = look(url)
    except NowlineError as error:
        return Check("log", Status.FAILURE, error.detail)
    status = Status.OK if found.promise.is_safe else Status.WARNING
    detail = f"in Redis, {found.records:,} records held; {found.promise.text}"
    return _with_letters(Check("log", status, detail), found.letters)


def _with_letters(check: Check, letters: int) -> Check:
    if not letters:
        return check
    detail = f"{check.detail}; {letters:,} dead letters: see `nowline dead-letters list`"
    return Check(check.name, Status.WARNING, detail)


def _documents(path: Path) -> tuple[str | None, str]:
    # Not `mode=ro`, which would leave the side files behind, owned by whoever looks.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        (revision,) = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if verdict == "ok" else str(verdict), str(revision)


def _nearest(path: Path) -> Path:
    """The folder, or the first one above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
