"""Real proxies in front of a server, configured as the documentation says."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from free_port import free_port
from polling import eventually

DOCS = Path(__file__).parents[1] / "docs/proxies.md"
TLS = Path(__file__).parent / "unit/collect/tls"
CERT, KEY = TLS / "cert.pem", TLS / "key.pem"
_NAME = "nowline.example.com"

# What a package has in files of its own, or by default, and tests must not share.
_NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{told}
}}
"""
_CADDY = """
{{
    admin off
    auto_https disable_redirects
    storage file_system {folder}
}}
{told}
"""


def documented(language: str) -> str:
    """The configuration that the documentation has for a proxy."""
    text = DOCS.read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(block)


def trusting() -> ssl.SSLContext:
    """Accepts the certificate that the proxies show."""
    return ssl.create_default_context(cafile=CERT)


@contextmanager
def proxy(kind: str, told: str, server: str, folder: Path) -> Iterator[str]:
    """A proxy in front of a server.

    Args:
        kind: `nginx`, `haproxy` or `caddyfile`.
        told: Its configuration, with the addresses and files of the documentation.
        server: The URL of the server.
        folder: Where its files go.

    Yields:
        Its host and port.
    """
    port = free_port()
    here = told.replace("127.0.0.1:8000", server.removeprefix("http://"))
    command = _COMMANDS[kind](here, port, folder)
    process = subprocess.Popen([_program(command[0]), *command[1:]])
    try:
        assert eventually(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None
        yield f"localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _nginx(told: str, port: int, folder: Path) -> list[str]:
    here = _replaced(told, "listen 443", f"listen 127.0.0.1:{port}")
    here = _replaced(here, f"/etc/ssl/{_NAME}.pem", str(CERT))
    here = _replaced(here, f"/etc/ssl/{_NAME}.key", str(KEY))
    config = folder / "nginx.conf"
    # Its worker would else be a user who may not write to the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(user=user, folder=folder, told=here))
    return ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]


def _haproxy(told: str, port: int, folder: Path) -> list[str]:
    config, both = folder / "haproxy.cfg", folder / "both.pem"
    both.write_text(CERT.read_text() + KEY.read_text())
    here = _replaced(told, "bind :443", f"bind 127.0.0.1:{port}")
    config.write_text(_replaced(here, f"/etc/ssl/{_NAME}.pem", str(both)))
    return ["haproxy", "-db", "-f", str(config)]


def _caddy(told: str, port: int, folder: Path) -> list[str]:
    site = f"https://localhost:{port} {{\n    bind 127.0.0.1\n    tls {CERT} {KEY}"
    here = _replaced(told, f"{_NAME} {{", site)
    config = folder / "Caddyfile"
    config.write_text(_CADDY.format(folder=folder, told=here))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]


_COMMANDS: dict[str, Callable[[str, int, Path], list[str]]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddyfile": _caddy,
}


def _replaced(told: str, there: str, here: str) -> str:
    assert there in told
    return told.replace(there, here)


def _program(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        pytest.fail(f"{name} is not installed: run tests/install-system-packages", pytrace=False)
    return program


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
