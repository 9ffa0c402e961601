"""Links to dashboards are kept, and end, alike over every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import postgres
from nowline.dashboards import shares as service
from nowline.dashboards.embeds import EmbedTokens
from nowline.dashboards.service import Dashboards
from nowline.dashboards.shares import Shares, Wish
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content
from nowline.model.share import ShareKind
from nowline.model.user import Caller, Principal, Scope
from nowline.store.documents import Documents
from personas import SECRET, SetClock

EDITOR = frozenset({Scope.READ, Scope.WRITE})
EDITH, EVE = Principal("u1", "edith@example.com", EDITOR), Principal("u2", "eve", EDITOR)
BY = Caller("edith@example.com")
LINK, EMBED = ShareKind.LINK, ShareKind.EMBED
FRAMED = Wish(expires_in_s=60, origins=("https://a.example",), filters={"ü": ["'"], "b": ["\0"]})


class People:
    """Knows who may do what."""

    def __init__(self) -> None:
        self.known = {EDITH.id: EDITH, EVE.id: EVE}

    async def principal(self, principal_id: str) -> Principal | None:
        return self.known.get(principal_id)


class World:
    """Edith's dashboard and its links."""

    def __init__(self, documents: Documents) -> None:
        self.clock, self.people = SetClock(), People()
        self.dashboards = Dashboards(documents, self.clock)
        self.shares = Shares(documents, self.clock, self.people, EmbedTokens(SECRET))
        self.board = ""

    async def settle(self) -> None:
        self.board = (await self.dashboards.create(Content(name="A", widgets=[]), EDITH, BY)).id

    async def opens(self, token: str) -> bool:
        try:
            return (await self.shares.open(token)).dashboard.id == self.board
        except NowlineError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
            return False


@pytest.fixture(params=["sqlite", "postgres"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite:///{tmp_path}/documents.db"
    if request.param == "postgres":
        url = await postgres.own_server().create_database()
    documents = await Documents.open(url)
    made = World(documents)
    await made.settle()
    yield made
    await documents.close()


async def test_what_was_made_is_listed_and_opened(world: World) -> None:
    share, token = await world.shares.create_link(world.board, Wish(label="½"), EDITH, BY)
    framed, signed = await world.shares.create_embed(world.board, FRAMED, EDITH, BY)
    assert await world.shares.of_dashboard(world.board, LINK, EDITH) == [share]
    assert await world.shares.of_dashboard(world.board, EMBED, EDITH) == [framed]
    assert (await world.shares.open(token)).share == share
    assert (await world.shares.open(signed)).share == framed
    assert (framed.filters, framed.origins) == (FRAMED.filters, FRAMED.origins)
    assert (await world.shares.reopen(share)).share == share


async def test_a_link_ends_when_it_was_to_end(world: World) -> None:
    wish = Wish(expires_in_s=60)
    share, token = await world.shares.create_link(world.board, wish, EDITH, BY)
    _, signed = await world.shares.create_embed(world.board, FRAMED, EDITH, BY)
    _, lasting = await world.shares.create_link(world.board, Wish(), EDITH, BY)
    world.clock.advance(59)
    assert [await world.opens(each) for each in (token, signed, lasting)] == [True, True, True]
    world.clock.advance(1)
    assert [await world.opens(each) for each in (token, signed, lasting)] == [False, False, True]
    with pytest.raises(NowlineError):
        await world.shares.reopen(share)
    assert len(await world.shares.of_dashboard(world.board, LINK, EDITH)) == 1
    assert await world.shares.of_dashboard(world.board, EMBED, EDITH) == []


async def test_a_revoked_link_is_told_and_opens_nothing(world: World) -> None:
    told: list[str] = []
    world.shares.on_revoked(told.append)
    share, token = await world.shares.create_link(world.board, Wish(), EDITH, BY)
    for wrong in ("", "unknown", "\0"):
        with pytest.raises(NowlineError) as caught:
            await world.shares.revoke(world.board, LINK, wrong, EDITH, BY)
        assert caught.value.code is Code.NOT_FOUND
    assert told == []
    await world.shares.revoke(world.board, LINK, share.id, EDITH, BY)
    assert told == [share.id]
    assert not await world.opens(token)


async def test_a_link_needs_a_maker_who_may_share(world: World) -> None:
    _, token = await world.shares.create_link(world.board, Wish(), EDITH, BY)
    for rights, holds in (
        (None, False),
        (Principal("u1", "edith", frozenset({Scope.READ})), False),
        (EDITH, True),
    ):
        if rights is None:
            del world.people.known["u1"]
        else:
            world.people.known["u1"] = rights
        assert await world.opens(token) is holds


async def test_a_deleted_dashboard_has_no_links(world: World) -> None:
    _, token = await world.shares.create_link(world.board, Wish(), EDITH, BY)
    await world.dashboards.delete(world.board, EDITH, BY)
    assert not await world.opens(token)


async def test_strangers_tokens_open_nothing(world: World) -> None:
    await world.shares.create_link(world.board, Wish(), EDITH, BY)
    for token in ("", "nls_", "nls_\0", "a.b.c", "ü"):
        assert not await world.opens(token)


async def test_there_are_only_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_SHARES", {LINK: 1, EMBED: 1})
    await world.shares.create_link(world.board, Wish(expires_in_s=60), EDITH, BY)
    await world.shares.create_embed(world.board, FRAMED, EDITH, BY)
    for create in (world.shares.create_link, world.shares.create_embed):
        with pytest.raises(NowlineError) as caught:
            await create(world.board, FRAMED, EDITH, BY)
        assert caught.value.code is Code.CONFLICT
    world.clock.advance(60)
    await world.shares.create_link(world.board, Wish(), EDITH, BY)
