"""One kept connection to the server: `http.client`, so that applications load nothing more."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import time
from typing import NamedTuple
from urllib.parse import urlsplit

# The most of an answer that is read: it may list a batch's refused rows.
_LONGEST_ANSWER = 1 << 20
_GONE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Answer(NamedTuple):
    """What the server said.

    Attributes:
        status: The HTTP status, 0 if there was no answer.
        reason: What it said about a failure, or why there was no answer.
        retry_after_s: Seconds after which to come back, None if it does not say.
        refused: How many rows of a batch that was taken were refused.
    """

    status: int
    reason: str = ""
    retry_after_s: float | None = None
    refused: int = 0


class Connection:
    """Posts bodies to one server, over one connection for as long as it lasts.

    Args:
        url: The server's address, with the path it is under if it is not at the root.
        key: An API key with the scope `ingest`.
        timeout_s: How long to wait for the connection and for each part of the answer.

    Raises:
        ValueError: If that is no address of http or https with a host, or cannot be a key.
    """

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not an address: give one like http://127.0.0.1:8000")
        if not key or not key.isascii() or not key.isprintable():
            raise ValueError("the key must be printable ASCII, and not empty")
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._path = parts.path.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "User-Agent": "nowline-client",
        }
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)

    def post(self, path: str, body: bytes) -> Answer:
        """Send a body; a connection that the server had closed meanwhile is opened again."""
        was_open = self._connection.sock is not None
        try:
            return self._exchange(path, body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if was_open and isinstance(error, _GONE):
                return self.post(path, body)
            return Answer(0, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Let go of the connection; the next body opens one."""
        self._connection.close()

    def abandon(self) -> None:
        """Let go of the connection in a forked process, to whose parent it belongs."""
        # Closing it in order would wait for locks that threads of the parent may have held.
        if (sock := self._connection.sock) is not None:
            self._connection.sock = None
            os.close(sock.detach())

    def _exchange(self, path: str, body: bytes) -> Answer:
        self._connection.request("POST", self._path + path, body, self._headers)
        response = self._connection.getresponse()
        text = response.read(_LONGEST_ANSWER)
        if not response.isclosed():
            self.close()
        return _answer(response.status, response.headers.get("Retry-After"), text)


def _answer(status: int, retry_after: str | None, text: bytes) -> Answer:
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return Answer(status, text[:200].decode(errors="replace"), _seconds(retry_after))
    refused = [row for row in said.get("rejected") or () if isinstance(row, dict)]
    reason = refused[0].get("error", "") if refused else said.get("detail", "")
    return Answer(status, str(reason), _seconds(retry_after), len(refused))


def _seconds(retry_after: str | None) -> float | None:
    """The value of a Retry-After header, seconds or a date (RFC 9110, section 10.2.3)."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
