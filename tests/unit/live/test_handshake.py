from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension

from nowline.errors import Code, NowlineError
from nowline.live.handshake import Handshake, shake

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
GOOD = {
    "host": "example.org",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def asked(*more: tuple[str, str], method: str = "GET", without: str = "") -> Handshake:
    lines = [each for each in GOOD.items() if each[0] != without] + list(more)
    return shake(method, "1.1", [(name.encode(), value.encode("latin-1")) for name, value in lines])


def agreed(offers: str) -> str:
    return asked(("sec-websocket-extensions", offers)).extensions.decode()


def test_the_example_of_rfc_6455() -> None:
    assert asked() == Handshake(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", b"", [])


def test_subprotocols_in_one_line_or_two() -> None:
    one, two = ("sec-websocket-protocol", "a, b"), ("sec-websocket-protocol", "c,")
    assert asked(one, two).subprotocols == ["a", "b", "c"]


@pytest.mark.parametrize("version", ["", "8", "12", "14", "013", "13, 13"])
def test_another_version_is_told_to_upgrade(version: str) -> None:
    with pytest.raises(NowlineError) as caught:
        asked(("sec-websocket-version", version), without="sec-websocket-version")
    assert caught.value.code is Code.UPGRADE


def test_a_version_is_needed() -> None:
    with pytest.raises(NowlineError) as caught:
        asked(without="sec-websocket-version")
    assert caught.value.code is Code.UPGRADE


@pytest.mark.parametrize(
    "key", ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "AAAA", "*GhlIHNhbXBsZSBub25jZQ=="]
)
def test_a_key_is_sixteen_bytes(key: str) -> None:
    with pytest.raises(NowlineError) as caught:
        asked(("sec-websocket-key", key), without="sec-websocket-key")
    assert caught.value.code is Code.INVALID


def test_what_else_must_be_there_once() -> None:
    for without in ("host", "sec-websocket-key"):
        with pytest.raises(NowlineError):
            asked(without=without)
    with pytest.raises(NowlineError):
        asked(("sec-websocket-key", GOOD["sec-websocket-key"]))
    with pytest.raises(NowlineError):
        asked(method="POST")
    with pytest.raises(NowlineError):
        shake("GET", "1.0", [])


@pytest.mark.parametrize(
    "offers",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        'permessage-deflate ;client_max_window_bits= "10"',
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        ", permessage-deflate,",
    ],
)
def test_offers_that_are_accepted(offers: str) -> None:
    assert agreed(offers) == AGREED


def test_a_window_that_is_asked_for_is_promised() -> None:
    assert agreed("permessage-deflate; server_max_window_bits=15") == (
        f"{AGREED}; server_max_window_bits=15"
    )


@pytest.mark.parametrize(
    "offers",
    [
        "",
        "permessage-bzip2",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=9",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=08",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; unknown",
    ],
)
def test_offers_that_are_not(offers: str) -> None:
    assert agreed(offers) == ""


@pytest.mark.parametrize(
    "offers", ["a b", ";x", "a;", "a; b=", "a; b=c d", 'a; b="c', "é", 'a; b="c,d"']
)
def test_offers_that_are_not_written_well(offers: str) -> None:
    with pytest.raises(NowlineError) as caught:
        agreed(offers)
    assert caught.value.code is Code.INVALID


WINDOWS = st.none() | st.integers(9, 15)


@given(st.booleans(), st.booleans(), WINDOWS, WINDOWS | st.just(True))
def test_the_websockets_library_takes_what_it_gets(
    server_takeover: bool, client_takeover: bool, server_bits: int | None, client_bits: int | None
) -> None:
    factory = ClientPerMessageDeflateFactory(
        server_takeover, client_takeover, server_bits, client_bits
    )
    name, parameters = factory.name, list(factory.get_request_params())
    answer = agreed(build_extension([(name, parameters)]))
    if server_bits not in (None, 15):
        assert answer == ""
        return
    ((_, accepted),) = parse_extension(answer)
    made = factory.process_response_params(accepted, [])
    assert (made.remote_no_context_takeover, made.local_no_context_takeover) == (True, True)
