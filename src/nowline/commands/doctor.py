"""`nowline doctor`: is all well with this installation, and what does the store keep."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from nowline.api.store import LevelView, StoreView
from nowline.backup.staging import Sources
from nowline.commands import access, checks
from nowline.commands.checks import Check, Status, size
from nowline.config import ConfigError, Settings
from nowline.errors import NowlineError
from nowline.lock import DirectoryLock, LockedError, address_of
from nowline.model.level import Level
from nowline.store import activity_inspection
from nowline.store.activity import ActivityState
from nowline.store.inspection import inspect

_ON_THIS_MACHINE = (
    checks.folder,
    checks.disk,
    checks.key,
    checks.documents,
    checks.log,
    checks.events,
    checks.open_files,
    checks.clock,
    checks.page,
    checks.scanner,
)


@dataclass(slots=True)
class Report:
    """All checks, and what the store keeps, None where it could not be asked."""

    checks: list[Check] = field(default_factory=list)
    store: StoreView | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return all(check.status is not Status.FAILURE for check in self.checks)

    def json(self) -> str:
        """The report for programs."""
        told: dict[str, Any] = {"ok": self.is_well, "checks": self.checks, "store": self.store}
        return msgspec.json.format(msgspec.json.encode(told)).decode()

    def lines(self) -> Iterator[str]:
        """The report for people."""
        width = max(len(check.name) for check in self.checks)
        for check in self.checks:
            yield f"{check.status.value:<7}  {check.name:<{width}}  {check.detail}"
        if self.store is not None:
            yield ""
            yield from _table(self.store)


def examine(load: Callable[[], Settings]) -> Report:
    """Look at everything; nothing is changed, save that a key comes and goes where a server runs.

    Args:
        load: Reads the settings.
    """
    try:
        settings = load()
    except ConfigError as error:
        return Report([Check("settings", Status.FAILURE, str(error))])
    report = Report([Check("settings", Status.OK, "read without fault")])
    report.checks += [check(settings) for check in _ON_THIS_MACHINE]
    address = _running_on(settings)
    if address is None:
        report.checks.append(Check("server", Status.OK, "not running"))
        _look(settings, report)
    else:
        asyncio.run(_ask(settings, address, report))
    return report


def _running_on(settings: Settings) -> str | None:
    """Where the server of the folder listens; None if none runs."""
    if not settings.data_dir.is_dir():
        return None
    try:
        DirectoryLock.acquire(settings.data_dir).release()
    except LockedError:
        return address_of(settings.data_dir) or ""
    return None


def _look(settings: Settings, report: Report) -> None:
    """Read the store's files."""
    if not settings.store_url.startswith("duckdb:"):
        report.checks.append(Check("store", Status.OK, "in PostgreSQL; start the server to ask it"))
        return
    path = settings.store_path
    if not path.exists():
        report.checks.append(Check("store", Status.OK, "is made at the first start"))
        return
    keep = {
        Level(name): int(age.total_seconds() * 1000) for name, age in settings.retention.items()
    }
    try:
        found = inspect(path, keep)
    except NowlineError as error:
        report.checks.append(Check("store", Status.FAILURE, error.detail))
    else:
        report.store = StoreView.of(found.state, found.faults, _events(settings))
        report.checks.append(_store_check(report.store))


def _events(settings: Settings) -> ActivityState | None:
    """What the file of events has; None where there is none, or its own check says why not."""
    path = Sources.of(settings.data_dir, settings.store_path).activity
    keep_ms = int(settings.activity_retention.total_seconds() * 1000)
    try:
        return activity_inspection.state_of(path, keep_ms) if path.exists() else None
    except sqlite3.Error:
        return None


def _store_check(store: StoreView) -> Check:
    if store.faults:
        more = f" (and {len(store.faults) - 1:,} more)" if len(store.faults) > 1 else ""
        return Check("store", Status.FAILURE, f"{store.faults[0]}{more}: restore a backup")
    rows = sum(level.rows for level in store.levels)
    return Check("store", Status.OK, f"{rows:,} rows in {size(store.bytes)}, all files there")


async def _ask(settings: Settings, address: str, report: Report) -> None:
    """Ask the server, which has the store's files locked."""
    try:
        async with access.client(address) as http:
            ready = await http.get("/readyz")
        status = Status.OK if ready.is_success else Status.FAILURE
        detail = "ready" if ready.is_success else ready.json()["detail"]
        report.checks.append(Check("server", status, f"{address} is {detail}"))
        async with access.as_admin(settings, address, "nowline doctor") as http:
            answer = await http.get("/api/v1/store")
            if not answer.is_success:
                raise access.refusal(address, answer.content)
    except (httpx.HTTPError, NowlineError) as error:
        reason = f"{address or 'a starting server'} does not answer: {error}"
        report.checks.append(Check("server", Status.FAILURE, reason))
        return
    report.store = msgspec.json.decode(answer.content, type=StoreView)
    report.checks.append(_store_check(report.store))


def _table(store: StoreView) -> Iterator[str]:
    """What is kept, how long, and what it costs."""
    head = ("level", "rows", "on disk", "bytes/row", "oldest", "kept for")
    rows = [head, *(_row(level) for level in store.levels)]
    if store.events is not None:
        kept = store.events
        rows.append(
            _row(LevelView("events", kept.events, kept.bytes, kept.oldest, kept.keep_seconds))
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        name, *rest = row
        cells = (f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((f"{name:<{widths[0]}}", *cells))


def _row(level: LevelView) -> tuple[str, ...]:
    each = f"{level.bytes / level.rows:.1f}" if level.rows else "-"
    oldest = level.oldest[:10] if level.oldest else "-"
    kept = f"{level.keep_seconds / 86_400:g} d"
    return level.level, f"{level.rows:,}", size(level.bytes), each, oldest, kept
