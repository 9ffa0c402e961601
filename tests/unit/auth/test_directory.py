from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from nowline.auth import directory
from nowline.auth.accounts import UserChange
from nowline.auth.directory import Directory
from nowline.auth.service import Auth
from nowline.errors import NowlineError
from nowline.store import accounts
from nowline.store.documents import Documents
from personas import ALICE, BOB, OPERATOR, SECRET, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def is_valid(auth: Auth, token: str) -> bool:
    try:
        return await auth.authenticate(f"Bearer {token}") is not None
    except NowlineError:
        return False


class SlowDocuments(Documents):
    """A database whose answers to reads arrive only when they are let through."""

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents._engine)
        self.has_read = asyncio.Event()
        self.let_through = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        async with super().read() as connection:
            yield connection
        self.has_read.set()
        await self.let_through.wait()


async def test_a_session_read_before_its_end_is_not_remembered_after_it(here: World) -> None:
    bob, now_ms = await here.principal(BOB), here.clock.now_ms()
    assert bob.session_id is not None
    slow = SlowDocuments(here.documents)
    tested = Directory(slow, start_key=None, now_ms=now_ms)
    request = asyncio.create_task(tested.session(bob.session_id, now_ms))
    await slow.has_read.wait()
    async with here.documents.write() as connection:
        await accounts.delete_session(connection, bob.session_id)
    tested.forget(bob.session_id)
    slow.let_through.set()
    assert await request is not None
    assert await tested.session(bob.session_id, now_ms) is None


async def test_more_sessions_than_are_remembered_are_valid(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_SESSIONS_KEPT", 2)
    signed_in = [await here.sign_in(BOB) for _ in range(4)]
    for each in signed_in + signed_in:
        assert await is_valid(here.auth, each.access_token)


async def test_a_session_refreshed_by_another_process_lives_on_here(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    documents = await Documents.open(here.url)
    other = Auth(documents, here.clock, SECRET)
    here.clock.advance(13 * 86_400)
    refreshed = await other.refresh(signed_in.refresh_token, None)
    here.clock.advance(2 * 86_400)
    refreshed = await other.refresh(refreshed.refresh_token, None)
    await documents.close()
    assert await is_valid(here.auth, refreshed.access_token)


async def test_the_watch_finds_what_others_changed(here: World) -> None:
    bob, told = await here.principal(BOB), asyncio.Event()
    here.auth.on_revoked(lambda _: told.set())
    documents = await Documents.open(here.url)
    other = Auth(documents, here.clock, SECRET)
    await other.accounts.update_user(here.bob.id, UserChange(is_active=False), OPERATOR)
    await documents.close()
    watch = asyncio.create_task(here.auth.watch())
    await asyncio.wait_for(told.wait(), 10)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    assert {bob.id, bob.session_id} <= set(here.revoked)


async def test_the_watch_outlives_a_failure(
    here: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nowline.auth.service._POLL_S", 0)
    asked = asyncio.Event()
    failures = 0

    async def fail() -> None:
        nonlocal failures
        failures += 1
        if failures == 2:
            asked.set()
        raise OSError("no database")

    monkeypatch.setattr(here.auth, "poll_changes", fail)
    with caplog.at_level(logging.ERROR):
        watch = asyncio.create_task(here.auth.watch())
        await asyncio.wait_for(asked.wait(), 10)
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    assert "cannot look for changed users" in caplog.text


async def test_nothing_is_told_when_nobody_loses_rights(here: World) -> None:
    await here.sign_in(ALICE)
    await here.auth.accounts.create_user("dora@example.org", "long enough", here.bob.role, OPERATOR)
    await here.auth.poll_changes()
    assert here.revoked == []
