"""What goes over the wire of a WebSocket, byte by byte, whichever way its request takes.

What has another query, or a path that is spelled in another way, goes through ASGI; what is plain
does not, and a head that was read before is not even read again.
"""

from __future__ import annotations

import json
import socket as sockets
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from running import INGEST_KEY, Server
from viewers import Desk, desk, subscription

KEY = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
VERSION = ("sec-websocket-version", "13")
DEFLATE = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")
PING = b'{"type":"ping"}'


@dataclass(frozen=True)
class Here:
    """An admin's desk, and the way that requests take."""

    desk: Desk
    way: str

    @property
    def target(self) -> str:
        return "/ws/%61nalytics" if self.way == "long" else "/ws/analytics"

    def spelled(self, name: str) -> str:
        return name.title().replace("Websocket", "WebSocket") if self.way == "known" else name


@pytest.fixture(scope="module", params=["long", "short", "known"])
def here(server: Server, request: pytest.FixtureRequest) -> Iterator[Here]:
    with desk(server) as made:
        found = Here(made, request.param)
        for headers in ((), (DEFLATE,)):
            with opened(server, found, *headers):
                pass
        yield found


class Wire:
    """A connection without a library."""

    def __init__(self, connection: sockets.socket) -> None:
        self.connection = connection
        self.file = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the answer."""
        status = int(self.file.readline().split()[1])
        lines = iter(lambda: self.file.readline().decode().strip(), "")
        return status, dict(line.split(": ", 1) for line in lines)

    def frame(self) -> tuple[int, bytes]:
        """The first byte of a frame and its payload."""
        first, size = self.file.read(2)
        if size == 126:
            size = int.from_bytes(self.file.read(2), "big")
        return first, self.file.read(size)

    def is_at_end(self) -> bool:
        return self.file.read() == b""


def frame(head: int, payload: bytes) -> bytes:
    return bytes((head, 0x80 | len(payload))) + b"\0\0\0\0" + payload


def request(here: Here, *headers: tuple[str, str], method: str = "GET") -> bytes:
    return asked(here, ("authorization", here.desk.token), *headers, method=method)


def asked(here: Here, *headers: tuple[str, str], method: str = "GET", query: str = "") -> bytes:
    given = (("host", "h"), ("upgrade", "websocket"), ("connection", "keep-alive, Upgrade"))
    text = "".join(f"{here.spelled(name)}: {value}\r\n" for name, value in (*given, *headers))
    return f"{method} {here.target}{query} HTTP/1.1\r\n{text}\r\n".encode()


@contextmanager
def wire(server: Server) -> Iterator[Wire]:
    where = urlsplit(server.url)
    with sockets.create_connection((where.hostname, where.port or 0), timeout=15) as connection:
        yield Wire(connection)


@contextmanager
def opened(server: Server, here: Here, *headers: tuple[str, str]) -> Iterator[Wire]:
    with wire(server) as made:
        made.send(request(here, KEY, VERSION, *headers))
        status, told = made.head()
        assert status == 101
        assert told["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert ("sec-websocket-extensions" in told) == (DEFLATE in headers)
        yield made


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((KEY,), 426),
        ((KEY, ("sec-websocket-version", "8")), 426),
        ((VERSION,), 400),
        ((VERSION, ("sec-websocket-key", "short")), 400),
        ((VERSION, KEY, KEY), 400),
        ((VERSION, KEY, ("sec-websocket-extensions", "=")), 400),
    ],
)
def test_a_handshake_that_is_none(
    server: Server, here: Here, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    with wire(server) as made:
        made.send(request(here, *headers))
        told, answer = made.head()
        assert told == status
        assert answer["content-type"] == "application/problem+json"
        assert answer["x-content-type-options"] == "nosniff"
        assert (answer.get("sec-websocket-version") == "13") == (status == 426)
        assert json.loads(made.file.read())["status"] == status


SEVERAL = ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=15, x-other")
ANSWERS: dict[str, tuple[int, Sequence[tuple[str, str]]]] = {
    "plain": (101, ()),
    "packed": (101, (DEFLATE,)),
    "several offers": (101, (SEVERAL,)),
    "an offer that is not taken": (101, (("sec-websocket-extensions", "x-other"),)),
    "of the same site": (101, (("origin", "http://h"),)),
    "through a proxy": (101, (("x-forwarded-proto", "https"), ("x-forwarded-for", "192.0.2.7"))),
    "a subprotocol": (101, (("sec-websocket-protocol", "one, two"),)),
    "of another site": (403, (("origin", "http://elsewhere"),)),
    "of no site": (403, (("origin", "null"),)),
    "two origins": (403, (("origin", "http://h"), ("origin", "http://elsewhere"))),
    "another key": (400, (KEY,)),
}
CREDENTIALS = {
    "none": 401,
    "wrong": 401,
    "no scheme": 401,
    "a key that may not read": 403,
    "a ticket that nobody got": 401,
}


def answers(server: Server, *requests: bytes) -> list[tuple[int, dict[str, str], str]]:
    """What each is answered: status, headers, and what is wrong with it."""
    told = []
    for each in requests:
        with wire(server) as made:
            made.send(each)
            status, headers = made.head()
            assert headers.pop("date")
            body = "" if status == 101 else made.file.read().decode()
            told.append((status, headers, body))
    return told


@pytest.mark.parametrize("what", ANSWERS)
def test_all_ways_answer_the_same(server: Server, here: Here, what: str) -> None:
    status, headers = ANSWERS[what]
    mine = request(here, KEY, VERSION, *headers)
    usual = request(Here(here.desk, "long"), KEY, VERSION, *headers)
    told, *others = answers(server, mine, mine, usual)
    assert told[0] == status
    assert others == [told, told]


@pytest.mark.parametrize("what", CREDENTIALS)
def test_all_ways_refuse_strangers_alike(server: Server, here: Here, what: str) -> None:
    headers = {
        "wrong": [("authorization", "Bearer nl_wrong_key")],
        "no scheme": [("authorization", here.desk.token.partition(" ")[2])],
        "a key that may not read": [("authorization", f"Bearer {INGEST_KEY}")],
    }.get(what, [])
    query = "?ticket=made-up" if "ticket" in what else ""
    mine, usual = (
        asked(each, KEY, VERSION, *headers, query=query) for each in (here, Here(here.desk, "long"))
    )
    told, *others = answers(server, mine, mine, usual)
    assert told[0] == CREDENTIALS[what]
    assert told[1]["content-type"] == "application/problem+json"
    assert others == [told, told]


def test_a_ticket_is_good_once(server: Server, here: Here) -> None:
    for headers in ((), (DEFLATE,), ()):
        query = f"?ticket={here.desk.ticket()}"
        both = [asked(here, KEY, VERSION, *headers, query=query)] * 2
        assert [told[0] for told in answers(server, *both)] == [101, 401]


def test_a_handshake_is_a_get(server: Server, here: Here) -> None:
    with wire(server) as made:
        made.send(request(here, KEY, VERSION, method="PUT"))
        assert made.head()[0] == 400


def test_a_request_that_comes_in_pieces_with_frames_right_behind(
    server: Server, here: Here
) -> None:
    whole = request(here, KEY, VERSION) + frame(0x81, PING) + frame(0x89, b"?")
    with wire(server) as made:
        made.send(whole[:50])
        made.send(whole[50:-30])
        made.send(whole[-30:])
        assert made.head()[0] == 101
        answers = [made.frame(), made.frame()]
    assert {first for first, _ in answers} == {0x81, 0x8A}


def test_fragments_with_a_ping_between(server: Server, here: Here) -> None:
    with opened(server, here) as made:
        made.send(frame(0x01, PING[:5]) + frame(0x89, b"between") + frame(0x80, PING[5:]))
        assert made.frame() == (0x8A, b"between")
        first, payload = made.frame()
        assert first == 0x81
        assert json.loads(payload)["type"] == "pong"


def test_a_compressed_conversation(server: Server, here: Here) -> None:
    compressor = zlib.compressobj(wbits=-15)
    command = json.dumps(subscription("wire.packed", "n" * 250)).encode()
    packed = compressor.compress(command) + compressor.flush(zlib.Z_SYNC_FLUSH)
    with opened(server, here, DEFLATE) as made:
        made.send(frame(0x41, packed[:50]) + frame(0x80, packed[50:-4]))
        first, payload = made.frame()
        assert first == 0xC1
        told = json.loads(zlib.decompressobj(wbits=-15).decompress(payload + b"\0\0\xff\xff"))
        assert (told["type"], told["id"]) == ("snapshot", "n" * 250)
        made.send(frame(0x81, PING))
        assert made.frame()[0] == 0x81


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x01x", 1002),
        (frame(0xC1, PING), 1002),
        (frame(0x83, PING), 1002),
        (frame(0x80, PING), 1002),
        (frame(0x09, PING), 1002),
        (frame(0x88, b"\x03\xed"), 1002),
        (frame(0x81, b"\xff"), 1007),
        (b"\x01\xfe\xff\xff\0\0\0\0" + b"x" * 65_535 + frame(0x80, b"yy"), 1009),
        (b"\x81\xff" + (65_537).to_bytes(8, "big") + bytes(4), 1009),
    ],
)
def test_what_breaks_the_protocol(server: Server, here: Here, data: bytes, code: int) -> None:
    with opened(server, here) as made:
        made.send(data)
        first, payload = made.frame()
        assert first == 0x88
        assert int.from_bytes(payload[:2], "big") == code
        assert made.is_at_end()


def test_a_bomb(server: Server, here: Here) -> None:
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = compressor.compress(bytes(50_000_000)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    size = len(bomb).to_bytes(2, "big")
    with opened(server, here, DEFLATE) as made:
        made.send(b"\xc2\xfe" + size + bytes(4) + bomb)
        first, payload = made.frame()
        assert (first, payload[:2]) == (0x88, (1009).to_bytes(2, "big"))
        assert made.is_at_end()


def test_a_close_is_answered_with_its_code(server: Server, here: Here) -> None:
    with opened(server, here) as made:
        made.send(frame(0x88, b"\x0f\xa0bye"))
        assert made.frame() == (0x88, b"\x0f\xa0")
        assert made.is_at_end()


def test_who_leaves_without_a_word_is_forgotten(server: Server, here: Here) -> None:
    before = here.desk.counter("nowline_live_connections")
    with opened(server, here) as made:
        made.send(frame(0x81, PING))
        made.frame()
        assert here.desk.counter("nowline_live_connections") == before + 1
        made.file.close()
        linger = (1).to_bytes(4, "little") + bytes(4)
        made.connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, linger)
    while here.desk.counter("nowline_live_connections") > before:
        pass
