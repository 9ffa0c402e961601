"""A real HTTP server that has a `/metrics` page, for the tests that scrape one."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

Respond = Callable[[BaseHTTPRequestHandler], None]


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: clients go away as they please."""


class Exporter:
    """Serves what `respond` says, over TLS if it is given a certificate; keeps what it was asked.

    Args:
        respond: Answers one request.
        cert: A certificate.
        key: Its key.
        ca: What clients have to show a certificate of, if they have to.
    """

    def __init__(
        self,
        respond: Respond,
        cert: Path | None = None,
        key: Path | None = None,
        ca: Path | None = None,
    ) -> None:
        self.respond = respond
        self.asked: list[dict[str, str]] = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        if cert is not None:
            self._server.socket = _context(cert, key, ca).wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if cert else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}/metrics"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                exporter.asked.append({k.lower(): v for k, v in self.headers.items()})
                exporter.respond(self)

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler


def page(
    body: bytes, media_type: str = "text/plain; version=0.0.4", status: int = 200, **headers: str
) -> Respond:
    """Answers with a page."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("content-type", media_type)
        handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def _context(cert: Path, key: Path | None, ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if ca is not None:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
