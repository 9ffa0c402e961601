"""One server for all tests that speak to it from outside, and its clients."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from running import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server; each test uses metric names of its own."""
    with Server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def sender(server: Server) -> Iterator[httpx.Client]:
    """May send points, and nothing else."""
    with server.ingest() as client:
        yield client


@pytest.fixture(scope="session")
def reader(server: Server) -> Iterator[httpx.Client]:
    """Is signed in as the first admin."""
    with server.alice() as client:
        yield client
