"""What every documents database does alike."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import postgres
from nowline.errors import Code, NowlineError
from nowline.model.kpi import Bounds, Kpi
from nowline.model.user import ApiKey, AuditEntry, Role, Scope, Session, User
from nowline.store import accounts, audit, kpis
from nowline.store.documents import Documents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADA = User("u1", "Ada@Example.org", Role.ADMIN, True, 1)
BEN = User("u2", "ben@example.org", Role.VIEWER, True, 2)


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return await postgres.own_server().create_database()
    return f"sqlite:///{tmp_path}/documents.db"


@pytest.fixture
async def documents(url: str) -> AsyncIterator[Documents]:
    opened = await Documents.open(url)
    async with opened.write() as connection:
        await accounts.add_user(connection, ADA, "hash of Ada's")
        await accounts.add_user(connection, BEN, "hash of Ben's")
    yield opened
    await opened.close()


async def test_users_come_back_as_they_went_in(documents: Documents) -> None:
    async with documents.read() as connection:
        assert await accounts.list_users(connection) == [ADA, BEN]
        assert await accounts.get_user(connection, "u2") == BEN
        assert await accounts.has_users(connection)
        with pytest.raises(NowlineError) as caught:
            await accounts.get_user(connection, "u3")
    assert caught.value.code is Code.NOT_FOUND


async def test_addresses_are_one_whatever_their_case(documents: Documents) -> None:
    async with documents.read() as connection:
        found = await accounts.find_by_email(connection, "ADA@example.ORG")
    assert found == (ADA, "hash of Ada's")
    other = User("u3", "ada@EXAMPLE.org", Role.VIEWER, True, 3)
    async with documents.write() as connection:
        with pytest.raises(NowlineError) as caught:
            await accounts.add_user(connection, other, "")
    assert caught.value.code is Code.CONFLICT
    assert caught.value.errors[0].field == "email"


async def test_only_an_active_admin_counts_as_one(documents: Documents) -> None:
    async with documents.write() as connection:
        assert await accounts.has_admin(connection)
        assert not await accounts.has_admin(connection, besides="u1")
        await accounts.update_user(connection, User("u1", "", Role.ADMIN, False, 1))
        assert not await accounts.has_admin(connection)


async def test_a_refresh_token_is_exchanged_once(documents: Documents) -> None:
    session = Session("s1", "u1", 10, 20)

    async def rotate(new: str) -> bool:
        later = Session("s1", "u1", 10, 30)
        async with documents.write() as connection:
            return await accounts.rotate_session(connection, later, digest="first", new_digest=new)

    async with documents.write() as connection:
        await accounts.add_session(connection, session, "first")
    done = await asyncio.gather(rotate("second"), rotate("third"))
    async with documents.read() as connection:
        kept = await accounts.find_session(connection, "s1")
    assert sorted(done) == [False, True]
    assert kept == Session("s1", "u1", 10, 30)


async def test_sessions_end_with_their_time_and_their_user(documents: Documents) -> None:
    ids = {f"s{n}" for n in range(1200)}
    async with documents.write() as connection:
        for each in ids:
            await accounts.add_session(connection, Session(each, "u2", 0, int(each[1:])), each)
        await accounts.delete_expired_sessions(connection, 99)
        alive = await accounts.live_sessions(connection, ids)
        assert len(alive) == 1100
        assert await accounts.delete_session(connection, "s500")
        assert not await accounts.delete_session(connection, "s500")
        await accounts.delete_user(connection, "u2")
        assert await accounts.live_sessions(connection, ids) == set()


async def test_keys_come_back_as_they_went_in(documents: Documents) -> None:
    key = ApiKey("k1", "a key", frozenset({Scope.INGEST, Scope.READ}), 5)
    async with documents.write() as connection:
        await accounts.add_key(connection, key, "digest")
        assert await accounts.list_keys(connection) == [key]
        assert await accounts.knows_key(connection, "digest")
        held = await accounts.load(connection)
        assert held.keys == {"digest": key}
        assert held.users == {"u1": ADA, "u2": BEN}
        assert await accounts.delete_key(connection, "k1") == key
        with pytest.raises(NowlineError):
            await accounts.delete_key(connection, "k1")


async def test_kpis_come_back_as_they_went_in(documents: Documents) -> None:
    plain = Kpi(code="b", name="Plain", expression="1")
    full = Kpi(
        code="A.b-c_1",
        name="Größe 😀",
        expression='sum("a\\"b") / 3',
        unit="%",
        target=99.5,
        rules=(Bounds(min=0.1), Bounds(min=-1e300, max=1e300)),
    )
    async with documents.write() as connection:
        await kpis.add_kpi(connection, plain)
        await kpis.add_kpi(connection, full)
    async with documents.read() as connection:
        assert await kpis.list_kpis(connection) == [full, plain]
        assert await kpis.get_kpi(connection, "A.b-c_1") == full


async def test_a_code_is_of_one_kpi(documents: Documents) -> None:
    async with documents.write() as connection:
        await kpis.add_kpi(connection, Kpi(code="k", name="First", expression="1"))
    with pytest.raises(NowlineError) as caught:
        async with documents.write() as connection:
            await kpis.add_kpi(connection, Kpi(code="k", name="Second", expression="2"))
    async with documents.read() as connection:
        kept = await kpis.get_kpi(connection, "k")
    assert caught.value.code is Code.CONFLICT
    assert caught.value.errors[0].field == "code"
    assert kept.name == "First"


async def test_a_kpi_is_replaced_and_deleted_where_it_is(documents: Documents) -> None:
    old = Kpi(code="k", name="Old", expression="1", unit="%", target=1, rules=(Bounds(max=2),))
    new = Kpi(code="k", name="New", expression="2")
    async with documents.write() as connection:
        await kpis.add_kpi(connection, old)
        await kpis.replace_kpi(connection, new)
        assert await kpis.list_kpis(connection) == [new]
        await kpis.delete_kpi(connection, "k")
        assert await kpis.list_kpis(connection) == []
        for work in (
            kpis.replace_kpi(connection, new),
            kpis.delete_kpi(connection, "k"),
            kpis.get_kpi(connection, "k"),
        ):
            with pytest.raises(NowlineError) as caught:
                await work
            assert caught.value.code is Code.NOT_FOUND


async def test_a_value_is_taken_once(documents: Documents) -> None:
    async def take() -> bool:
        async with documents.write() as connection:
            return await accounts.take_value(connection, "token", "secret")

    async with documents.write() as connection:
        await accounts.put_value(connection, "token", "old")
        await accounts.put_value(connection, "token", "secret")
        assert not await accounts.take_value(connection, "token", "old")
    assert sorted(await asyncio.gather(take(), take(), take())) == [False, False, True]


async def test_another_process_sees_that_accounts_changed(documents: Documents, url: str) -> None:
    other = await Documents.open(url)
    async with documents.read() as connection:
        before = await accounts.version(connection)
    async with other.write() as connection:
        await accounts.touch(connection)
    async with documents.read() as connection:
        after = await accounts.version(connection)
    await other.close()
    assert before != after


async def test_writers_wait_for_each_other(documents: Documents, url: str) -> None:
    other = await Documents.open(url)

    async def write(where: Documents, name: str) -> None:
        async with where.write() as connection:
            await accounts.list_users(connection)
            await accounts.put_value(connection, name, "")

    names = [str(n) for n in range(20)]
    await asyncio.gather(*(write((documents, other)[n % 2], name) for n, name in enumerate(names)))
    async with documents.read() as connection:
        found = [await accounts.value(connection, name) for name in names]
    await other.close()
    assert found == [""] * 20


async def test_the_audit_trail_pages_backwards_while_it_grows(documents: Documents) -> None:
    async def append(at: int) -> None:
        async with documents.write() as connection:
            entry = AuditEntry(at, "ada", "test", "ben", "success", None)
            await audit.append(connection, entry)

    for at in range(5):
        await append(at)
    async with documents.read() as connection:
        first = await audit.page(connection, before=None, limit=2)
    await append(5)
    async with documents.read() as connection:
        second = await audit.page(connection, before=first.next_position, limit=2)
        third = await audit.page(connection, before=second.next_position, limit=2)
    pages = [[entry.at for entry in page.entries] for page in (first, second, third)]
    assert pages == [[4, 3], [2, 1], [0]]
    assert third.next_position is None


async def test_what_a_stranger_wrote_is_made_harmless(documents: Documents) -> None:
    async with documents.write() as connection:
        entry = AuditEntry(0, "a\0b\n" + "x" * 999, "test", "", "failure", "::1")
        await audit.append(connection, entry)
        page = await audit.page(connection, before=None, limit=1)
    actor = page.entries[0].actor
    assert actor.startswith("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}x")
    assert len(actor) == 254
