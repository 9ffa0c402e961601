"""Many segments of one stretch become one, some series at a time, beside everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nowline.model.level import Level
from nowline.store import rolling
from nowline.store.blockfile import Columns, Reader, concatenate
from nowline.store.flushing import sync_folder, write_one
from nowline.store.segments import Kind, Segment
from nowline.store.tiers import Work

# About 30 MB of raw rows at a time.
_ROWS_AT_A_TIME = 1 << 19
_END = 1 << 62
_ALL = (0, _END)


def merge(folder: Path, work: Work, readers: Sequence[Reader]) -> Segment:
    """Write the segment that takes the place of those; when this returns, it is safe on disk.

    Args:
        folder: Where it goes.
        work: What is merged.
        readers: Of the segments, in the same order.

    Raises:
        DamagedFileError: One of them is not whole.
        OSError: It could not be written; nothing of it is left.
    """
    kind, day = work.place
    parts = (
        _merged([_rows(reader, area) for reader in readers], kind) for area in _areas(work, readers)
    )
    made = write_one(folder, kind, day, parts)
    sync_folder(folder)
    return made


@dataclass(frozen=True, slots=True)
class _Area:
    """Series in `[first, end)` of one chunk of time."""

    kind: Kind
    first: int
    end: int
    start: int

    @property
    def stop(self) -> int:
        """When the chunk ends, epoch milliseconds."""
        return self.start + self.kind.chunk_ms


def _areas(work: Work, readers: Sequence[Reader]) -> Iterator[_Area]:
    """Areas that have about so many rows."""
    kind, _ = work.place
    rows = [segment.rows for segment in work.segments]
    greatest = readers[rows.index(max(rows))]
    blocks = int(_ROWS_AT_A_TIME * max(rows) / sum(rows)) // kind.block_rows
    for start in _chunks(kind, readers):
        found = greatest.blocks(_ALL, start, start + kind.chunk_ms)
        cuts = {greatest.first_series(block) for block in found[:: max(1, blocks)]}
        edges = [0, *sorted(cuts - {0}), _END]
        yield from (_Area(kind, first, end, start) for first, end in pairwise(edges))


def _chunks(kind: Kind, readers: Sequence[Reader]) -> range:
    """When the chunks begin."""
    spans = [reader.span for reader in readers]
    width = kind.chunk_ms
    return range(min(s[0] for s in spans) // width * width, max(s[1] for s in spans) + 1, width)


def _rows(reader: Reader, area: _Area) -> Columns:
    found = reader.blocks((area.first, area.end - 1), area.start, area.stop)
    blocks = [reader.block(number) for number in found]
    empty = {name: np.empty(0, np.int64) for name in area.kind.shape.names}
    columns = concatenate(blocks or [empty], area.kind.shape)
    at, to = np.searchsorted(columns["series"], [area.first, area.end])
    return {name: values[at:to] for name, values in columns.items()}


def _merged(parts: Sequence[Columns], kind: Kind) -> Columns:
    found = [part for part in parts if len(part["series"])] or list(parts[:1])
    if kind.binned:
        return rolling.merged_bins(found)
    if kind.level is Level.RAW:
        return rolling.merged_rows(found)
    return rolling.merged_partials(found, kind.level.width_ms)
