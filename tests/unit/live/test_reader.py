from __future__ import annotations

import asyncio

import pytest

from nowline.live.reader import FULL_BYTES, Reader, WebSocketWire
from unit.live.viewers import ALICE, Pipe


async def test_who_takes_nothing_is_looked_at_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipe, waited = Pipe(), list[float]()
    reader = Reader(ALICE, pipe, WebSocketWire(), "", asyncio.get_running_loop().create_future())
    pipe.write(b"x" * (FULL_BYTES + 1))

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        if sum(waited) > 4:
            pipe.take()

    monkeypatch.setattr(asyncio, "sleep", wait)
    await reader.room()
    assert waited == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1, 1, 1])
