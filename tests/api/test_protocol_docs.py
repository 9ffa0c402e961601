"""What the page about sending data shows for each protocol works as it stands."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from asking import ask, counted
from free_port import free_port
from running import INGEST_KEY, Server

PAGE = (Path(__file__).parents[2] / "docs/send-data.md").read_text(encoding="utf-8")


def block(kind: str, url: str = "") -> str:
    """The block of that kind, for a server there and its key."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    told = str(found).replace("http://127.0.0.1:8000", url)
    return told.replace("YOUR_INGEST_KEY", INGEST_KEY)


def run(script: str) -> None:
    """Run it in a shell, where `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_opentelemetry(server: Server, reader: httpx.Client) -> None:
    run(f"{block('sh otlp', server.url)}\npython - <<'END'\n{block('python otlp')}END\n")
    assert counted(reader, "checkout.duration", 1) == 1
    (point,) = ask(reader, "orders", aggregation="sum", group_by=["service.name", "country"])
    assert (point["value"], point["tags"]) == (1, {"service.name": "shop", "country": "it"})


def test_statsd(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with Server(tmp_path / "data", NOWLINE_STATSD_PORT=str(port)) as server:
        script = block("python statsd").replace("8125", str(port))
        run(f"python - <<'END'\n{script}END\n")
        with server.alice() as alice:
            assert counted(alice, "checkout.time", 1) == 1
            (point,) = ask(alice, "orders", aggregation="sum", group_by=["country"])
            assert (point["value"], point["tags"]) == (1, {"country": "it"})
