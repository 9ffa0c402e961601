"""What the tests of the embedded store share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from embedded_store import (
    opened,
)
from nowline.store.embedded import EmbeddedStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[EmbeddedStore]:
    found = await opened(folder)
    yield found
    await found.close()


@pytest.fixture
def on_sync(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What is done each time after a file was brought to disk, and before one is deleted."""
    found: list[Callable[[], None]] = []
    sync, unlink = os.fsync, Path.unlink

    def sync_and_tell(descriptor: int) -> None:
        sync(descriptor)
        for each in found:
            each()

    def tell_and_unlink(path: Path, missing_ok: bool = False) -> None:
        for each in found:
            each()
        unlink(path, missing_ok)

    monkeypatch.setattr(os, "fsync", sync_and_tell)
    monkeypatch.setattr(Path, "unlink", tell_and_unlink)
    yield found
    found.clear()
