"""The files of the embedded store that were opened, the last of which stay so."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from nowline.store.blockfile import Reader
from nowline.store.segments import Segment

# Each takes two file descriptors, which live connections need more.
_MOST_OPEN = 128


class Readers:
    """Opens segments of a folder when they are first read; any thread may ask.

    Args:
        folder: Where the segments are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: OrderedDict[str, Reader] = OrderedDict()
        self._changing = threading.Lock()

    def of(self, segment: Segment) -> Reader:
        """The reader of a segment.

        Raises:
            DamagedFileError: The file is not whole.
            OSError: It is not there, or cannot be read.
        """
        with self._changing:
            reader = self._opened.pop(segment.name, None)
            if reader is None:
                kind = segment.kind
                reader = Reader(self._folder / segment.name, kind.shape, kind.step_ms)
            self._opened[segment.name] = reader
            if len(self._opened) > _MOST_OPEN:
                self._opened.popitem(last=False)
        return reader

    def opened(self, segment: Segment) -> Reader | None:
        """The reader of a segment that is open; None too where another thread is opening one."""
        if not self._changing.acquire(blocking=False):
            return None
        try:
            reader = self._opened.get(segment.name)
            if reader is not None:
                self._opened.move_to_end(segment.name)
            return reader
        finally:
            self._changing.release()

    def forget(self, segments: Iterable[Segment]) -> None:
        """These will not be asked for again; who reads them still can."""
        with self._changing:
            for segment in segments:
                self._opened.pop(segment.name, None)
