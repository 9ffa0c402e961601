from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nowline.app.background import Persistence
from nowline.errors import Code, NowlineError
from polling import eventually_async

AT_ONCE = (0.0, 0.001)


class Part:
    """Fails as often as it is told, then runs on; so does what makes it fit again."""

    def __init__(self, failures: int, recovery_failures: int = 0) -> None:
        self.failures = failures
        self.recovery_failures = recovery_failures
        self.runs = self.recoveries = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.failures:
            raise ValueError(f"failure {self.runs}")
        await asyncio.Event().wait()

    async def recover(self) -> None:
        self.recoveries += 1
        if self.recoveries <= self.recovery_failures:
            raise NowlineError(Code.UNAVAILABLE, "The store did not answer.")


@asynccontextmanager
async def kept(persistence: Persistence, part: Part) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(persistence.keep("part", part.run, part.recover))
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(("failures", "recovery_failures"), [(1, 0), (3, 0), (1, 3)])
async def test_a_part_that_fails_is_started_again(failures: int, recovery_failures: int) -> None:
    persistence, part = Persistence(AT_ONCE), Part(failures, recovery_failures)

    async def is_well() -> bool:
        return part.runs == failures + 1 and not persistence.failing

    async with kept(persistence, part) as task:
        assert await eventually_async(is_well)
        assert not task.done()
    assert persistence.restarts == {"part": failures}
    assert part.recoveries == failures + recovery_failures


async def test_what_waits_for_being_started_again_is_said() -> None:
    persistence, part = Persistence((60.0,)), Part(1)

    async def is_said() -> bool:
        return persistence.failing == {"part"}

    async with kept(persistence, part) as task:
        assert await eventually_async(is_said)
        assert not task.done()
    assert persistence.restarts == {"part": 0}


async def test_a_part_that_must_not_go_on_ends_it() -> None:
    async def run() -> None:
        raise NowlineError(Code.UNAVAILABLE, "The log is another server's.")

    with pytest.raises(NowlineError, match="another server's"):
        await Persistence(AT_ONCE).keep("part", run)
