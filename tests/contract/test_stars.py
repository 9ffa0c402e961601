"""Stars are kept, and go with what they are on, alike over every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import postgres
from nowline.dashboards.service import Dashboards
from nowline.dashboards.stars import Stars
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Dashboard
from nowline.model.user import Caller, Principal, Role, Scope, User
from nowline.store import accounts
from nowline.store.documents import Documents
from personas import SetClock

EDITOR = frozenset({Scope.READ, Scope.WRITE})
EDITH, EVE = (
    Principal("u1", "edith@example.com", EDITOR),
    Principal("u2", "eve@example.com", EDITOR),
)
ALICE = Principal("u3", "alice@example.com", frozenset(Scope))
BY = Caller("edith@example.com")


@pytest.fixture(params=["sqlite", "postgres"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    url = f"sqlite:///{tmp_path}/documents.db"
    if request.param == "postgres":
        url = await postgres.own_server().create_database()
    opened = await Documents.open(url)
    async with opened.write() as connection:
        for each in (EDITH, EVE, ALICE):
            await accounts.add_user(connection, User(each.id, each.name, Role.EDITOR, True, 1), "")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def dashboards(documents: Documents, clock: SetClock) -> Dashboards:
    return Dashboards(documents, clock)


@pytest.fixture
def stars(documents: Documents, clock: SetClock) -> Stars:
    return Stars(documents, clock)


async def make(dashboards: Dashboards, *, is_public: bool = False) -> Dashboard:
    content = Content(name="One", widgets=[], is_public=is_public)
    return await dashboards.create(content, EDITH, BY)


async def refused(work: object) -> Code:
    with pytest.raises(NowlineError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_each_has_their_own_in_the_order_they_came(
    dashboards: Dashboards, stars: Stars, clock: SetClock
) -> None:
    first, second = [await make(dashboards, is_public=True) for _ in range(2)]
    await stars.add(second.id, EDITH)
    clock.advance(1)
    await stars.add_built_in("host", EDITH)
    clock.advance(1)
    await stars.add(first.id, EDITH)
    await stars.add(second.id, EDITH)
    await stars.add(first.id, EVE)
    assert await stars.of(EDITH) == [second.id, "host", first.id]
    assert await stars.of(EVE) == [first.id]
    for _ in range(2):
        await stars.remove(second.id, EDITH)
        await stars.remove_built_in("host", EDITH)
    assert await stars.of(EDITH) == [first.id]


async def test_what_may_not_be_seen_is_not_there(dashboards: Dashboards, stars: Stars) -> None:
    private = await make(dashboards)
    for work in (stars.add, stars.remove):
        assert await refused(work(private.id, EVE)) is Code.NOT_FOUND
        assert await refused(work("no such\0", EVE)) is Code.NOT_FOUND
    await stars.add(private.id, ALICE)
    assert await stars.of(ALICE) == [private.id]


async def test_the_star_of_what_became_private_waits(dashboards: Dashboards, stars: Stars) -> None:
    made = await make(dashboards, is_public=True)
    await stars.add(made.id, EVE)
    for is_public in (False, True):
        content = Content(name="One", widgets=[], is_public=is_public)
        await dashboards.replace(made.id, content, EDITH, BY)
        assert await stars.of(EVE) == ([made.id] if is_public else [])


async def test_stars_go_with_the_dashboard_and_with_the_user(
    documents: Documents, dashboards: Dashboards, stars: Stars
) -> None:
    kept, deleted = [await make(dashboards, is_public=True) for _ in range(2)]
    for each in (kept, deleted):
        for who in (EDITH, EVE):
            await stars.add(each.id, who)
    await dashboards.delete(deleted.id, EDITH, BY)
    assert await stars.of(EDITH) == await stars.of(EVE) == [kept.id]
    async with documents.write() as connection:
        await accounts.delete_user(connection, EVE.id)
    assert await stars.of(EVE) == []
    assert await stars.of(EDITH) == [kept.id]
