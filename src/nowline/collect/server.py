"""The server's own process: CPU, memory, threads, open files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from nowline.collect.metrics import Describer, Metric
from nowline.collect.readings import Occasional
from nowline.model.series import Point

CPU = Metric("nowline.process.cpu_percent", "percent", "CPU time of the server; 100 is one core")
MEMORY = Metric("nowline.process.memory_bytes", "bytes", "Memory that the server holds resident")
THREADS = Metric("nowline.process.threads", "count", "Threads of the server")
OPEN_FILES = Metric("nowline.process.open_files", "count", "Files and sockets the server has open")


class ProcessCollector:
    """Samples this process; CPU is that of all its threads since the previous sample.

    Args:
        elapsed: A steady clock in seconds.
        cpu_time: The CPU seconds this process has used.
    """

    def __init__(
        self,
        elapsed: Callable[[], float] = time.monotonic,
        cpu_time: Callable[[], float] = time.process_time,
    ) -> None:
        self._describer = Describer()
        self._elapsed = elapsed
        self._cpu_time = cpu_time
        self._process = psutil.Process()
        self._previous = (elapsed(), cpu_time())
        # With thousands of streams open, listing the descriptors takes milliseconds.
        self._open_files = Occasional(self._count_open_files, every=10)

    def sample(self) -> list[Point]:
        """The points of now, without a time (see `collect.schedule`)."""
        return [
            self._describer.point(CPU, self._cpu_percent()),
            self._describer.point(MEMORY, self._process.memory_info().rss),
            self._describer.point(THREADS, self._process.num_threads()),
            self._describer.point(OPEN_FILES, self._open_files()),
        ]

    def _cpu_percent(self) -> float:
        before, now = self._previous, (self._elapsed(), self._cpu_time())
        self._previous = now
        return 100 * (now[1] - before[1]) / max(now[0] - before[0], 1e-3)

    def _count_open_files(self) -> int:
        if sys.platform == "win32":
            return self._process.num_handles()
        # Linux counts them itself since 6.2; listing ten thousand takes 20 ms.
        return self._count_at_once() or self._process.num_fds()

    @staticmethod
    def _count_at_once() -> int:
        try:
            return Path("/proc/self/fd").stat().st_size
        except OSError:
            return 0
