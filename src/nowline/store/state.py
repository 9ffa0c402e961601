"""What the embedded store holds at one moment; readers take it as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from nowline.model import partials
from nowline.model.partials import Need, Partials
from nowline.store.base import Span
from nowline.store.blockfile import DamagedFileError, Reader
from nowline.store.catalogue import Selection
from nowline.store.hot import Run
from nowline.store.pending import Pending
from nowline.store.readers import Readers
from nowline.store.scan import AbandonedError, Scan, Source
from nowline.store.segments import Kind, Manifest

# So many blocks are read in less than a millisecond, those of one series.
_MOST_AT_HAND = 12
_NEVER = 1 << 62


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

        def gives_up(reader: Reader, block: int) -> bool:  # noqa: ARG001
            return is_abandoned()

        return Source(self.runs, files, gives_up, self.pending.progress.offset)

    @property
    def in_files_until(self) -> int:
        """Where rows begin that are not in files, epoch milliseconds; the far future if none do."""
        return min((run.oldest for run in self.runs), default=_NEVER)

    def partials_at_hand(
        self, readers: Readers, selection: Selection, span: Span, *, need: Need
    ) -> Partials | None:
        """Partials of one series, as far as `at_hand` goes; else None."""
        if not len(selection.series):
            return partials.empty()
        if len(selection.series) > 1 or self.in_files_until < span.end:
            return None
        # What is wrong with a file is told when it is read in a thread.
        with contextlib.suppress(AbandonedError, DamagedFileError, OSError):
            return Scan(self.at_hand(readers), selection, span).partials(need=need)
        return None

    def at_hand(self, readers: Readers) -> Source:
        """What there is in files, as far as it can be read without waiting for anything.

        To read more ends with an `AbandonedError`: another file than those that are open, a block
        that is not in the system's page cache, or a great many of either.
        """
        blocks = count()

        def files(kind: Kind, start: int, end: int) -> list[Reader]:
            segments = self.manifest.segments_in(kind, start, end)
            found = [readers.opened(segment) for segment in segments[:_MOST_AT_HAND]]
            opened = [reader for reader in found if reader is not None]
            if len(opened) < len(segments):
                raise AbandonedError
            return opened

        def gives_up(reader: Reader, block: int) -> bool:
            return next(blocks) >= _MOST_AT_HAND or not reader.is_at_hand(block)

        return Source((), files, gives_up, self.pending.progress.offset)
