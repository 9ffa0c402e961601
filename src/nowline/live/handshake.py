"""The opening handshake of WebSocket (RFC 6455, section 4.2) with compression (RFC 7692). Pure.

Compression is agreed on only without context takeover in either direction: then a compressed
frame depends on nothing that was sent before, and all readers can share it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nowline.errors import Code, NowlineError, invalid

VERSION: Final = b"13"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DEFLATE: Final = b"permessage-deflate"
_AGREED: Final = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_SERVER_WINDOW: Final = b"server_max_window_bits"
_FULL_WINDOW: Final = b"15"
_KEY_BYTES: Final = 16

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = rb'(?:%b|"%b")' % (_TOKEN, _TOKEN)
_PARAMETERS = rb"(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*%b)?)*" % (_TOKEN, _VALUE)
_OFFER = re.compile(rb"[ \t]*(%b)(%b)[ \t]*" % (_TOKEN, _PARAMETERS))
_PARAMETER = re.compile(rb';[ \t]*(%b)(?:[ \t]*=[ \t]*"?(%b)"?)?' % (_TOKEN, _TOKEN))
_WINDOW = re.compile(rb"[89]|1[0-5]")

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a request for a WebSocket comes to.

    Attributes:
        accept: The value of `Sec-WebSocket-Accept`.
        extensions: That of `Sec-WebSocket-Extensions`; empty if messages are not compressed.
        subprotocols: What the client offers to speak, the best first.
    """

    accept: bytes
    extensions: bytes
    subprotocols: list[str]


def shake(method: str, http_version: str, headers: Headers) -> Handshake:
    """The answer to a request.

    Args:
        method: Of the request.
        http_version: Such as `1.1`.
        headers: With names in lower case.

    Raises:
        NowlineError: INVALID when it is none of RFC 6455, UPGRADE when of another version.
    """
    if method != "GET" or http_version != "1.1":
        raise NowlineError(Code.INVALID, "A WebSocket begins with a GET of HTTP/1.1.")
    values = _values(headers)
    if values.get(b"sec-websocket-version") != VERSION:
        raise NowlineError(Code.UPGRADE, "This server speaks version 13 of WebSocket (RFC 6455).")
    if b"host" not in values:
        raise invalid("Host", "is missing")
    key = values.get(b"sec-websocket-key", b"")
    if not _is_key(key):
        raise invalid("Sec-WebSocket-Key", "must be there once, and 16 bytes in base64")
    offers = values.get(b"sec-websocket-extensions")
    subprotocols = values.get(b"sec-websocket-protocol")
    return Handshake(
        accept=accept(key),
        extensions=b"" if offers is None else _negotiate(offers),
        subprotocols=[] if subprotocols is None else _listed(subprotocols),
    )


def accept(key: bytes) -> bytes:
    """What proves that the key was understood (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _values(headers: Headers) -> dict[bytes, bytes]:
    """The headers by name; those that are there again are one list (RFC 9110, section 5.3)."""
    values: dict[bytes, bytes] = {}
    for name, value in headers:
        known = values.get(name)
        values[name] = value.strip() if known is None else b"%b, %b" % (known, value)
    return values


def _listed(value: bytes) -> list[str]:
    tokens = (token.strip() for token in value.decode("latin-1").split(","))
    return [token for token in tokens if token]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _negotiate(offers: bytes) -> bytes:
    """The first offer that can be kept, as it is accepted; empty if there is none.

    Raises:
        NowlineError: INVALID when they are not written as section 9.1 has it.
    """
    # No quoted value may hold a comma: it would not be a token.
    for offer in offers.split(b","):
        match = _OFFER.fullmatch(offer)
        if match is None and offer.strip():
            raise invalid("Sec-WebSocket-Extensions", "is not a list of extensions")
        if match is not None and match[1] == _DEFLATE:
            accepted = _deflate(_PARAMETER.findall(match[2]))
            if accepted:
                return accepted
    return b""


def _deflate(parameters: list[tuple[bytes, bytes]]) -> bytes:
    """How an offer of permessage-deflate (RFC 7692, section 7.1) is accepted; empty if not.

    A smaller window for what the server sends is not: it would be one reader's own.
    """
    values = dict(parameters)
    window = values.pop(_SERVER_WINDOW, None)
    if len(dict(parameters)) < len(parameters) or window not in (None, _FULL_WINDOW):
        return b""
    if not all(_is_known(name, value) for name, value in values.items()):
        return b""
    return _AGREED if window is None else b"%b; %b=%b" % (_AGREED, _SERVER_WINDOW, window)


def _is_known(name: bytes, value: bytes) -> bool:
    if name == b"client_max_window_bits":
        return not value or _WINDOW.fullmatch(value) is not None
    return name in (b"server_no_context_takeover", b"client_no_context_takeover") and not value
