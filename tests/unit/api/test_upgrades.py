"""Which requests for a WebSocket take the short way, and which heads are known again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from nowline.api.upgrades import Opening, Upgrades
from nowline.collect.requests import RequestStats
from nowline.live.handshake import accept
from nowline.live.hub import Hub
from nowline.model.user import Scope
from personas import ALICE, INGEST_KEY, World, world

KEY, OTHER_KEY = "dGhlIHNhbXBsZSBub25jZQ==", "AAECAwQFBgcICQoLDA0ODw=="
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
ORIGIN = "Origin: http://nowline"
TICKETS = "/ws/analytics?ticket="


class Here(NamedTuple):
    accounts: World
    hub: Hub
    upgrades: Upgrades
    bearer: str
    stats: RequestStats


@pytest.fixture
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Here]:
    async with world(tmp_path_factory.mktemp("world")) as accounts:
        hub = Hub(accounts.clock, 1)
        stats = RequestStats()
        upgrades = Upgrades(hub, accounts.auth, stats, seat)
        bearer = f"Authorization: Bearer {await accounts.key(Scope.READ)}"
        yield Here(accounts, hub, upgrades, bearer, stats)


def seat(*_: object, deflates: bool) -> None:
    """Whoever is let in is not looked at any more."""
    del deflates


def head(*lines: str, target: str = "/ws/analytics", key: str = KEY) -> bytes:
    usual = ["Host: nowline", "Upgrade: websocket", "Connection: Upgrade"]
    handshake = ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    whole = [f"GET {target} HTTP/1.1", *usual, *handshake, *lines]
    return "".join(f"{line}\r\n" for line in whole).encode() + b"\r\n"


def read(here: Here, data: bytes) -> Opening | None:
    """What a head comes to that was parsed."""
    first, *lines = data.decode().strip().split("\r\n")
    method, target, version = first.split(" ")
    pairs = (line.split(": ", 1) for line in lines)
    headers = [(name.lower().encode(), value.encode()) for name, value in pairs]
    return here.upgrades.read(method, version.removeprefix("HTTP/"), target.encode(), headers)


def learn(here: Here, data: bytes) -> None:
    opening = read(here, data)
    assert opening is not None
    here.upgrades.remember(data, b"", opening)


async def test_what_is_plain_is_opened_and_known_again(here: Here) -> None:
    data = head(here.bearer, ORIGIN, DEFLATE)
    assert here.upgrades.recall(data) is None
    learn(here, data)
    found = here.upgrades.recall(head(here.bearer, ORIGIN, DEFLATE, key=OTHER_KEY) + b"more")
    assert found is not None
    opening, rest = found
    assert rest == b"more"
    assert opening.principal.name == "a key"
    assert opening.asked.extensions.startswith(b"permessage-deflate")
    assert opening.accept == accept(OTHER_KEY.encode())
    assert opening == read(here, head(here.bearer, ORIGIN, DEFLATE, key=OTHER_KEY))


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Authorization: Bearer wrong"],
        [f"Authorization: Bearer {INGEST_KEY}"],
        ["BEARER", "Origin: http://elsewhere"],
        ["BEARER", "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw=="],
        ["BEARER", "Sec-WebSocket-Extensions: ="],
    ],
)
async def test_what_is_refused_takes_the_long_way(here: Here, lines: list[str]) -> None:
    data = head(*(here.bearer if line == "BEARER" else line for line in lines))
    assert read(here, data) is None
    assert here.upgrades.recall(data) is None


@pytest.mark.parametrize(
    "target", ["/ws/activity", "/ws/analytics/", "/ws/analytics?a=b", "/ws/%61nalytics"]
)
async def test_what_is_asked_in_another_way_takes_the_long_one(here: Here, target: str) -> None:
    assert read(here, head(here.bearer, target=target)) is None


async def test_only_the_same_head_is_known_again(here: Here) -> None:
    learn(here, head(here.bearer))
    assert here.upgrades.recall(head(here.bearer)) is not None
    others = [
        head(here.bearer, "X: y"),
        head(here.bearer, target="/ws/analytics?ticket=a"),
        head(here.bearer, key=KEY[:-1]),
        head(here.bearer, key="=" + KEY[1:]),
        head(here.bearer, key=f"{KEY} "),
        head(here.bearer).replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key:"),
        head(here.bearer)[:-1],
        head(here.bearer).removeprefix(b"G"),
        b"\r\n" + head(here.bearer),
        b"\r\n\r\n" + head(here.bearer),
    ]
    assert [here.upgrades.recall(other) for other in others] == [None] * len(others)


async def test_a_ticket_that_was_looked_at_is_good_until_it_is_used(here: Here) -> None:
    issued = [
        here.accounts.auth.issue_ticket(await here.accounts.principal(ALICE)) for _ in range(2)
    ]
    data, other = (head(ORIGIN, target=TICKETS + ticket) for ticket in issued)
    learn(here, data)
    found = here.upgrades.recall(other)
    assert found is not None
    assert found == here.upgrades.recall(other)
    assert found[0].principal.session_id is not None
    here.upgrades.seat(None, found[0])  # type: ignore[arg-type]
    assert here.upgrades.recall(other) is None
    assert here.upgrades.recall(data) is not None
    assert here.upgrades.recall(head(ORIGIN, target=TICKETS)) is None
    assert here.upgrades.recall(head(ORIGIN, target=TICKETS + "made-up")) is None
    here.accounts.clock.advance(30)
    assert here.upgrades.recall(data) is None


async def test_who_is_let_in_is_counted_and_a_ticket_beside_a_key_stays_good(here: Here) -> None:
    ticket = here.accounts.auth.issue_ticket(await here.accounts.principal(ALICE))
    opening = read(here, head(here.bearer, target=TICKETS + ticket))
    assert opening is not None
    assert opening.principal.name == "a key"
    here.upgrades.seat(None, opening)  # type: ignore[arg-type]
    (counted,) = here.stats.sample()
    assert counted.tags == {"route": "/ws/analytics", "method": "GET", "status": "101"}
    assert (await here.accounts.auth.redeem_ticket(ticket)).name == ALICE


async def test_who_lost_access_is_not_let_in_by_a_known_head(here: Here) -> None:
    signed_in = await here.accounts.sign_in(ALICE)
    bearer = f"Authorization: Bearer {signed_in.access_token}"
    learn(here, head(bearer))
    assert here.upgrades.recall(head(bearer)) is not None
    await here.accounts.auth.sign_out(bearer.partition(" ")[2], None, None)
    assert here.upgrades.recall(head(bearer)) is None


async def test_without_room_all_take_the_long_way(here: Here) -> None:
    data = head(here.bearer)
    learn(here, data)
    here.hub.close()
    assert here.upgrades.recall(data) is None
    assert read(here, data) is None


async def test_a_head_that_came_in_pieces_or_is_long_is_not_kept(here: Here) -> None:
    data = head(here.bearer)
    opening = read(here, data)
    assert opening is not None
    here.upgrades.remember(b"", b"", opening)
    here.upgrades.remember(data[10:], b"", opening)
    here.upgrades.remember(data + data, b"", opening)
    assert here.upgrades.recall(data) is None
    long = head(here.bearer, f"Cookie: {'x' * 2048}")
    learn(here, long)
    assert here.upgrades.recall(long) is None
