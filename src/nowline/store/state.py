"""What the embedded store holds at one moment; readers take it as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nowline.store.blockfile import Reader
from nowline.store.hot import Run
from nowline.store.pending import Pending
from nowline.store.readers import Readers
from nowline.store.scan import Source
from nowline.store.segments import Kind, Manifest


@dataclass(frozen=True, slots=True)
class State:
    """What there is as of one moment.

    Attributes:
        manifest: The files.
        flushing: Rows on their way to files.
        pending: Rows in memory, and what else is not on disk yet.
    """

    manifest: Manifest
    flushing: Pending
    pending: Pending

    @property
    def runs(self) -> tuple[Run, ...]:
        """All rows that are not in files."""
        return self.flushing.runs + self.pending.runs

    def source(self, readers: Readers, is_abandoned: Callable[[], bool]) -> Source:
        """All of it, to be read."""

        def files(kind: Kind, start: int, end: int) -> list[Reader]:
            return [readers.of(segment) for segment in self.manifest.segments_in(kind, start, end)]

        return Source(self.runs, files, is_abandoned, self.pending.progress.offset)
