"""A real Prometheus that scrapes a Nowline server, and writes to it as the documentation says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from free_port import free_port

DOCS = Path(__file__).parents[1] / "docs/send-data.md"
_SCRAPE = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: nowline
    authorization: {{credentials: "{read_key}"}}
    static_configs: [{{targets: ["{target}"]}}]
"""
_FASTER = """
    metadata_config: {send_interval: 1s}
    queue_config: {batch_send_deadline: 100ms, min_backoff: 30ms, max_backoff: 200ms}
"""


def _documented(target: str, ingest_key: str) -> str:
    """What the documentation says has to be in the configuration."""
    text = DOCS.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(remote_write:.*?)^```$", text, re.MULTILINE | re.DOTALL)
    told = str(block).replace("127.0.0.1:8000", target)
    return told.replace("YOUR_INGEST_KEY", ingest_key).rstrip("\n")


class Prometheus:
    """One of Debian's package, on a free port.

    Args:
        folder: Where its configuration and data go.
        target: Host and port of the server.
        read_key: An API key that may read `/metrics`.
        ingest_key: One that may send.
    """

    def __init__(self, folder: Path, target: str, read_key: str, ingest_key: str) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        folder.mkdir()
        scrape = _SCRAPE.format(target=target, read_key=read_key)
        config = scrape + _documented(target, ingest_key) + _FASTER
        (folder / "prometheus.yml").write_text(config)

    def __enter__(self) -> Self:
        program = shutil.which("prometheus")
        if program is None:
            pytest.fail(
                "Prometheus is not installed: run tests/install-system-packages", pytrace=False
            )
        listen = self._url.removeprefix("http://")
        self._process = subprocess.Popen(
            [
                program,
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address={listen}",
                "--log.level=error",
            ]
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(20)

    def samples(self, selector: str) -> list[tuple[int, float]]:
        """Time in epoch milliseconds and value of every sample of one series so far."""
        query = {"query": f"{selector}[1h]"}
        try:
            answer = httpx.get(f"{self._url}/api/v1/query", params=query).raise_for_status()
        except (httpx.TransportError, httpx.HTTPStatusError):
            return []
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        if not found:
            return []
        (series,) = found
        return [(round(time * 1000), float(value)) for time, value in series["values"]]
