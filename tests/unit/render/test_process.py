"""The drawing process: started when needed, ended when not, and given up when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.errors import Code, NowlineError
from nowline.model.sheet import Drawn, Look
from nowline.render.process import Renderer, _environment
from sheets import sheet

SMALL = Look(Drawn.PNG, width=640, scale=1)


@pytest.fixture
async def renderer(tmp_path: Path) -> AsyncIterator[Renderer]:
    made = Renderer(tmp_path / "render")
    yield made
    await made.close()


async def ended(pid: int) -> None:
    """Wait until the process is gone."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            assert await asyncio.to_thread(select.select, [descriptor], [], [], 30) != ([], [], [])
        finally:
            os.close(descriptor)


async def test_one_process_draws_several_files(renderer: Renderer) -> None:
    before = renderer.pid
    first = await renderer.draw(sheet(look=SMALL))
    pid = renderer.pid
    assert await renderer.draw(sheet(look=SMALL)) == first
    assert first.startswith(b"\x89PNG")
    assert before is None
    assert renderer.pid == pid
    assert pid is not None
    await renderer.close()
    await ended(pid)


async def test_what_is_refused_there_is_refused_here(renderer: Renderer) -> None:
    with pytest.raises(NowlineError) as refused:
        await renderer.draw(sheet(timezone="UTC", look=Look(Drawn.PNG, width=3840, scale=400)))
    assert refused.value.code is Code.UNPROCESSABLE


async def test_a_process_that_is_killed_is_started_again(renderer: Renderer) -> None:
    await renderer.draw(sheet(look=SMALL))
    assert renderer.pid is not None
    os.kill(renderer.pid, 9)
    with pytest.raises(NowlineError) as failed:
        await renderer.draw(sheet(look=SMALL))
    assert failed.value.code is Code.UNAVAILABLE
    assert (await renderer.draw(sheet(look=SMALL))).startswith(b"\x89PNG")


async def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path / "render", limit_s=0.001)
    with pytest.raises(NowlineError) as failed:
        await renderer.draw(sheet(look=SMALL))
    assert failed.value.code is Code.UNAVAILABLE
    assert renderer.pid is None


async def test_who_leaves_takes_the_process_along(renderer: Renderer) -> None:
    await renderer.draw(sheet(look=SMALL))
    pid = renderer.pid
    assert pid is not None
    drawing = asyncio.create_task(renderer.draw(sheet(look=SMALL)))
    await asyncio.sleep(0)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await ended(pid)
    assert (await renderer.draw(sheet(look=SMALL))).startswith(b"\x89PNG")


async def test_a_process_that_nobody_needs_ends(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path / "render", idle_s=0)
    await renderer.draw(sheet(look=SMALL))
    pid = renderer.pid
    assert pid is not None
    await ended(pid)
    after = renderer.pid
    assert after is None
    await renderer.close()


def test_the_process_knows_no_secrets(tmp_path: Path) -> None:
    given = {"NOWLINE_INGEST_KEY": "secret", "PATH": "/bin", "HOME": "/root"}
    found = _environment(given, tmp_path)
    assert "secret" not in found.values()
    assert found["PATH"] == "/bin"
    assert found["MPLCONFIGDIR"] == str(tmp_path)
