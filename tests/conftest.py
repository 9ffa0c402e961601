"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from running import Server


def pytest_report_header() -> str:
    """Which stores the contract suites run over."""
    if postgres.TIMESCALE is None:
        return f"stores: no TimescaleDB, {postgres.TIMESCALE_VARIABLE} is not set"
    return "stores: with TimescaleDB"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One real server for the tests of a module; each test uses metric names of its own."""
    with Server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder for a server that a test starts, kills and starts again."""
    return tmp_path / "data"


@pytest.fixture
def told_what_is_at_hand(tmp_path: Path) -> None:
    """Skips where the file system does not tell whether it has to wait for the disk."""
    file = tmp_path / "at hand"
    file.write_bytes(b"a")
    with file.open("rb") as opened:
        try:
            os.preadv(opened.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except (AttributeError, OSError) as error:
            pytest.skip(f"Nobody tells: {error}")
