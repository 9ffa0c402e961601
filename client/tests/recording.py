"""Fixtures: a client, and what receives from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nowline_client import Nowline
from receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def nl(receiver: Receiver) -> Iterator[Nowline]:
    """A client that sends only when it is flushed."""
    with Nowline(receiver.url, "key", flush_interval=3600) as nl:
        yield nl
