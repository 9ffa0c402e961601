"""Dashboards are kept alike, and no change is lost, over every database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import postgres
from nowline.dashboards import service
from nowline.dashboards.service import Dashboards
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Layouts, Position, Widget, WidgetType
from nowline.model.user import Caller, Principal, Scope
from nowline.store.dashboards import MOST_VERSIONS
from nowline.store.documents import Documents
from personas import SetClock

EDITOR = frozenset({Scope.READ, Scope.WRITE})
EDITH, EVE = Principal("u1", "edith@example.com", EDITOR), Principal("u2", "eve", EDITOR)
BY = Caller("edith@example.com")
WIDGET = Widget(
    "w",
    WidgetType.TEXT,
    Position(0, 0, 1, 1),
    {"text": "NUL \0, ½, 'quotes'"},
    "T",
    Layouts(small=Position(0, 3, 2, 1)),
)


def content(name: str = "One", *, is_public: bool = False) -> Content:
    return Content(name=name, widgets=[WIDGET], filters={"a": ["b"]}, is_public=is_public)


@pytest.fixture(params=["sqlite", "postgres"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Documents]:
    url = f"sqlite:///{tmp_path}/documents.db"
    if request.param == "postgres":
        url = await postgres.own_server().create_database()
    opened = await Documents.open(url)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def dashboards(documents: Documents, clock: SetClock) -> Dashboards:
    return Dashboards(documents, clock)


async def refused(work: object) -> Code:
    with pytest.raises(NowlineError) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_what_was_made_is_read_and_changed(dashboards: Dashboards, clock: SetClock) -> None:
    made = await dashboards.create(content(), EDITH, BY)
    assert await dashboards.get(made.id, EDITH) == made
    clock.advance(0.005)
    changed = await dashboards.replace(made.id, content("Two"), EDITH, BY, {1})
    assert (changed.version, changed.updated_at - made.updated_at) == (2, 5)
    assert await dashboards.get(made.id, EDITH) == changed
    await dashboards.delete(made.id, EDITH, BY, {2})
    assert await refused(dashboards.get(made.id, EDITH)) is Code.NOT_FOUND


async def test_lists_have_what_one_may_see(dashboards: Dashboards, clock: SetClock) -> None:
    made = []
    for owner, is_public in ((EDITH, False), (EDITH, True), (EVE, False), (EVE, True)):
        clock.advance(1)
        made.append((await dashboards.create(content(is_public=is_public), owner, BY)).id)
    ids = [[each.id for each in await dashboards.seen_by(who)] for who in (EDITH, EVE)]
    assert ids == [[made[3], made[1], made[0]], [made[3], made[2], made[1]]]
    admin = Principal("u3", "alice", frozenset(Scope))
    assert [each.id for each in await dashboards.seen_by(admin)] == made[::-1]


async def test_of_changes_at_once_one_wins_and_the_others_know(dashboards: Dashboards) -> None:
    made = await dashboards.create(content(), EDITH, BY)
    changes = [dashboards.replace(made.id, content(f"{n}"), EDITH, BY, {1}) for n in range(5)]
    done = await asyncio.gather(*changes, return_exceptions=True)
    stale = [each.code for each in done if isinstance(each, NowlineError)]
    assert stale == [Code.STALE] * 4
    assert (await dashboards.get(made.id, EDITH)).version == 2


async def test_changes_at_once_that_heed_nothing_are_all_made(dashboards: Dashboards) -> None:
    made = await dashboards.create(content(), EDITH, BY)
    changes = [dashboards.replace(made.id, content(f"{n}"), EDITH, BY) for n in range(5)]
    done = await asyncio.gather(*changes)
    assert sorted(each.version for each in done) == [2, 3, 4, 5, 6]
    versions = await dashboards.versions(made.id, EDITH)
    assert [each.version for each in versions] == [6, 5, 4, 3, 2, 1]


async def test_only_the_newest_versions_are_kept(dashboards: Dashboards) -> None:
    made = await dashboards.create(content(), EDITH, BY)
    for n in range(MOST_VERSIONS + 2):
        await dashboards.replace(made.id, content(f"{n}"), EDITH, BY)
    versions = await dashboards.versions(made.id, EDITH)
    assert [each.version for each in versions] == list(range(MOST_VERSIONS + 3, 3, -1))
    assert versions[0].content == content(f"{MOST_VERSIONS + 1}")


async def test_one_owner_has_no_more_than_may_be(
    dashboards: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_OWNED", 1)
    await dashboards.create(content(), EDITH, BY)
    assert await refused(dashboards.create(content(), EDITH, BY)) is Code.CONFLICT
    await dashboards.create(content(), EVE, BY)
