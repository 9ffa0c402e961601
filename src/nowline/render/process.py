"""Has sheets drawn by a process that starts when it is needed and ends when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from nowline.errors import Code, NowlineError
from nowline.model.sheet import Sheet
from nowline.render.wire import HEAD, Done, Reply, framed, length

LIMIT_S: Final = 30.0
"""How long one file may take."""
START_S: Final = 60.0
"""How long the process may take to load the drawing library."""
IDLE_S: Final = 60.0
"""How long the process waits for another."""
_PROGRAM: Final = ("-m", "nowline.render.worker")
_OWN = "NOWLINE_"
_log = logging.getLogger(__name__)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class Renderer:
    """Draws one sheet at a time.

    Args:
        folder: Where the drawing library keeps what it found out about this machine's fonts.
        limit_s: How long one file may take, its turn not counted.
        idle_s: How long the process waits for another.
    """

    def __init__(self, folder: Path, limit_s: float = LIMIT_S, idle_s: float = IDLE_S) -> None:
        self._folder = folder
        self._limit_s = limit_s
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._end: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process that there is now."""
        return None if self._process is None else self._process.pid

    async def draw(self, sheet: Sheet) -> bytes:
        """The file that a sheet asks for.

        Raises:
            NowlineError: UNPROCESSABLE: it would be too large; UNAVAILABLE: it took too long, or
                the process ended meanwhile.
        """
        message = framed(msgspec.msgpack.encode(sheet))
        async with self._turn:
            self._stay()
            reply = await self._asked(message)
            self._leave_later()
        if isinstance(reply, Done):
            return reply.file
        raise reply.error()

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            self._stay()
            await self._kill()
            await asyncio.gather(*self._ending)

    async def _asked(self, message: bytes) -> Reply:
        try:
            async with asyncio.timeout(START_S):
                process = await self._started()
            async with asyncio.timeout(self._limit_s):
                return _replies.decode(await self._exchange(process, message))
        except TimeoutError as error:
            detail = (
                f"The file took longer than {self._limit_s:g} s and was given up. "
                "Ask for a shorter range, or for fewer widgets."
            )
            raise await self._given_up(detail) from error
        except (OSError, asyncio.IncompleteReadError) as error:
            _log.exception("the drawing process ended")
            raise await self._given_up("The file could not be drawn: try again.") from error
        except BaseException:
            # Whoever asked is gone. What the process says next would be the answer to another.
            await self._kill()
            raise

    async def _given_up(self, detail: str) -> NowlineError:
        await self._kill()
        return NowlineError(Code.UNAVAILABLE, detail)

    async def _exchange(self, process: Process, message: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101 - they are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(message)
        await process.stdin.drain()
        head = await process.stdout.readexactly(HEAD)
        return await process.stdout.readexactly(length(head))

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *_PROGRAM,
                stdin=PIPE,
                stdout=PIPE,
                cwd=self._folder,
                env=_environment(os.environ, self._folder),
                # What interrupts the server from a terminal is the server's to handle.
                start_new_session=True,
            )
            # It says so when it has loaded everything.
            await self._exchange(self._process, b"")
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _ended(process)

    def _stay(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _leave_later(self) -> None:
        self._end = asyncio.get_running_loop().call_later(self._idle_s, self._leave)

    def _leave(self) -> None:
        """End a process that nobody needs."""
        process, self._process = self._process, None
        if process is not None:
            task = asyncio.create_task(_ended(process))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


async def _ended(process: Process) -> None:
    """Kill a process and wait until nothing of it is left, its pipes neither."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


def _environment(outer: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What the process may know: none of the server's secrets."""
    kept = {name: value for name, value in outer.items() if not name.startswith(_OWN)}
    # Relative entries of the path would mean something else there.
    paths = [str(Path(each).absolute()) for each in sys.path if each]
    return kept | {
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": str(folder.absolute()),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
