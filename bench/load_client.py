"""Thousands of readers in one C program (`fanout_client.c`), so that the server is measured."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.cores import LOAD, on

_PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each reader asks for, and where a message says how old it is.

    Attributes:
        port: Of the server, on 127.0.0.1.
        protocol: `ws` or `sse`.
        request: The head of the request, without the empty line.
        messages: What is sent on each WebSocket after the handshake.
        marker: Comes before the time at which a message was published.
        event_marker: Comes before the time of what it tells, if it says that.
        ready_marker: Is in the messages that show that all is there, one for each of `messages`.
        tick_ms: Latency is that since a tick; see `fanout_client.c`.
        tick_offset_ms: When ticks come, after a multiple of `tick_ms`.
    """

    port: int
    protocol: str
    request: str
    messages: Sequence[str] = ()
    marker: str = '"at":'
    event_marker: str = ""
    ready_marker: str = ""
    tick_ms: int = 0
    tick_offset_ms: int = 0


class LoadClient:
    """Some readers of one server.

    Args:
        program: The compiled client.
        wanted: What each asks for.
        readers: How many.
        stalled: How many of them read nothing once they have asked.

    Attributes:
        connects_per_s: How many handshakes a second were answered.
    """

    def __init__(self, program: Path, wanted: Wanted, readers: int, stalled: int = 0) -> None:
        request, messages = program.with_suffix(".request"), program.with_suffix(".messages")
        head = wanted.request.replace("\n", "\r\n") + "\r\n\r\n"
        request.write_bytes(head.encode())
        messages.write_text("".join(f"{each}\n" for each in wanted.messages))
        numbers = [wanted.port, readers, stalled]
        markers = [wanted.protocol, wanted.ready_marker, wanted.marker, wanted.event_marker]
        tick = [wanted.tick_ms, wanted.tick_offset_ms]
        command = [program, *numbers, *markers, *tick, request, messages]
        with on(LOAD):
            self._running = subprocess.Popen(
                [str(each) for each in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        self.connects_per_s = float(self._answer()["connects_per_s"])

    def __enter__(self) -> Self:
        """The readers are there."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let them go."""
        self._running.communicate(timeout=_PATIENCE_S)

    def wait_until_heard(self, publish: Callable[[], None], every_s: float) -> None:
        """Publish now and then until each has had a message."""
        until = time.monotonic() + _PATIENCE_S
        assert self._running.stdout is not None
        while not select.select([self._running.stdout], [], [], every_s)[0]:
            if time.monotonic() > until:
                raise RuntimeError("Not every reader was told anything.")
            publish()
        self._answer()

    def start(self) -> None:
        """Count from now on."""
        self._tell("start")

    def stop(self) -> dict[str, Any]:
        """What came since `start`."""
        self._tell("stop")
        return self._answer()

    def _tell(self, word: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(f"{word}\n".encode())
        self._running.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._running.stdout is not None
        ready, _, _ = select.select([self._running.stdout], [], [], _PATIENCE_S)
        line = self._running.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError("The load client failed; it says why above.")
        answer: dict[str, Any] = json.loads(line)
        return answer
