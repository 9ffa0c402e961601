"""What goes over the wire of a WebSocket, byte by byte."""

from __future__ import annotations

import json
import socket as sockets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from running import Server
from viewers import Desk, desk, subscription

KEY = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
VERSION = ("sec-websocket-version", "13")
DEFLATE = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")
PING = b'{"type":"ping"}'


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


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


def request(here: Desk, *headers: tuple[str, str], method: str = "GET") -> bytes:
    given = (("host", "h"), ("upgrade", "websocket"), ("connection", "keep-alive, Upgrade"))
    lines = [*given, ("authorization", here.token), *headers]
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} /ws/analytics?a=b HTTP/1.1\r\n{text}\r\n".encode()


@contextmanager
def wire(server: Server) -> Iterator[Wire]:
    where = urlsplit(server.url)
    with sockets.create_connection((where.hostname, where.port or 0), timeout=15) as connection:
        yield Wire(connection)


@contextmanager
def opened(server: Server, here: Desk, *headers: tuple[str, str]) -> Iterator[Wire]:
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
    server: Server, here: Desk, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    with wire(server) as made:
        made.send(request(here, *headers))
        told, answer = made.head()
        assert told == status
        assert answer["content-type"] == "application/problem+json"
        assert answer["x-content-type-options"] == "nosniff"
        assert (answer.get("sec-websocket-version") == "13") == (status == 426)
        assert json.loads(made.file.read())["status"] == status


def test_a_handshake_is_a_get(server: Server, here: Desk) -> None:
    with wire(server) as made:
        made.send(request(here, KEY, VERSION, method="PUT"))
        assert made.head()[0] == 400


def test_a_request_that_comes_in_pieces_with_frames_right_behind(
    server: Server, here: Desk
) -> None:
    whole = request(here, KEY, VERSION) + frame(0x81, PING) + frame(0x89, b"?")
    with wire(server) as made:
        made.send(whole[:50])
        made.send(whole[50:-30])
        made.send(whole[-30:])
        assert made.head()[0] == 101
        answers = [made.frame(), made.frame()]
    assert {first for first, _ in answers} == {0x81, 0x8A}


def test_fragments_with_a_ping_between(server: Server, here: Desk) -> None:
    with opened(server, here) as made:
        made.send(frame(0x01, PING[:5]) + frame(0x89, b"between") + frame(0x80, PING[5:]))
        assert made.frame() == (0x8A, b"between")
        first, payload = made.frame()
        assert first == 0x81
        assert json.loads(payload)["type"] == "pong"


def test_a_compressed_conversation(server: Server, here: Desk) -> None:
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
def test_what_breaks_the_protocol(server: Server, here: Desk, data: bytes, code: int) -> None:
    with opened(server, here) as made:
        made.send(data)
        first, payload = made.frame()
        assert first == 0x88
        assert int.from_bytes(payload[:2], "big") == code
        assert made.is_at_end()


def test_a_bomb(server: Server, here: Desk) -> None:
    compressor = zlib.compressobj(9, wbits=-15)
    bomb = compressor.compress(bytes(50_000_000)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    size = len(bomb).to_bytes(2, "big")
    with opened(server, here, DEFLATE) as made:
        made.send(b"\xc2\xfe" + size + bytes(4) + bomb)
        first, payload = made.frame()
        assert (first, payload[:2]) == (0x88, (1009).to_bytes(2, "big"))
        assert made.is_at_end()


def test_a_close_is_answered_with_its_code(server: Server, here: Desk) -> None:
    with opened(server, here) as made:
        made.send(frame(0x88, b"\x0f\xa0bye"))
        assert made.frame() == (0x88, b"\x0f\xa0")
        assert made.is_at_end()


def test_who_leaves_without_a_word_is_forgotten(server: Server, here: Desk) -> None:
    before = here.counter("nowline_live_connections")
    with opened(server, here) as made:
        made.send(frame(0x81, PING))
        made.frame()
        assert here.counter("nowline_live_connections") == before + 1
        made.file.close()
        linger = (1).to_bytes(4, "little") + bytes(4)
        made.connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, linger)
    while here.counter("nowline_live_connections") > before:
        pass
