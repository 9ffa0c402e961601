"""From the newest rows in memory to files: every level of them, each stretch of days in its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nowline.model.level import BINNED, ROLLED_UP, Level
from nowline.model.query import DAY_MS
from nowline.store import rolling
from nowline.store.blockfile import Columns, Writer
from nowline.store.hot import Run
from nowline.store.segments import Kind, Segment, new_name


def write(
    folder: Path,
    runs: Sequence[Run],
    distributions: NDArray[np.bool_],
    keep: Mapping[Level, int],
) -> tuple[Segment, ...]:
    """Write files of all levels of these rows; when this returns, they are safe on disk.

    Args:
        folder: Where they go.
        runs: The rows, older ones first.
        distributions: By series id, whether it has bins at each level.
        keep: By level, from which time on rows are kept.

    Raises:
        OSError: They could not be written; nothing of them is left.
    """
    written: list[Segment] = []
    try:
        for kind, columns in _levels(runs, distributions):
            for start, part in _split(columns, kind.stretch_ms):
                if start + kind.stretch_ms > keep[kind.level]:
                    chunks = (chunk for _, chunk in _split(part, kind.chunk_ms))
                    written.append(write_one(folder, kind, start // DAY_MS, chunks))
        sync_folder(folder)
    except BaseException:
        for segment in written:
            (folder / segment.name).unlink(missing_ok=True)
        raise
    return tuple(written)


def write_one(folder: Path, kind: Kind, day: int, parts: Iterable[Columns]) -> Segment:
    """Write one file of these rows; each part is of one chunk, and ordered by series, then time."""
    name = new_name(kind, day)
    writer = Writer(folder / name, kind.shape, kind.block_rows)
    try:
        for part in parts:
            writer.add(part)
        size = writer.finish()
    except BaseException:
        writer.discard()
        raise
    return Segment(kind, day, name, writer.rows, size, writer.oldest)


def sync_folder(folder: Path) -> None:
    """The folder's entries are on disk before anything names them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _levels(
    runs: Sequence[Run], distributions: NDArray[np.bool_]
) -> Iterator[tuple[Kind, Columns]]:
    """The rows, and partials and bins of them at every level."""
    if not runs:
        return
    kept = [run.rows for run in runs if run.is_kept_raw]
    if kept:
        rows = rolling.merged_rows(kept)
        yield Kind(Level.RAW), rows
    if len(kept) < len(runs):
        rows = rolling.merged_rows([run.rows for run in runs])
    finer = rolling.partials(rows, Level.MINUTE.width_ms)
    for level in ROLLED_UP:
        finer = rolling.coarser(finer, level.width_ms)
        yield Kind(level), finer
    yield from _bins(rows, distributions)


def _bins(rows: Columns, distributions: NDArray[np.bool_]) -> Iterator[tuple[Kind, Columns]]:
    """Bins of distributions at every level, and of all series from an hour on."""
    of_distributions = rolling.where(rows, distributions[rows["series"]])
    if len(of_distributions["series"]):
        finer = rolling.bins(of_distributions, Level.MINUTE.width_ms)
        for level in ROLLED_UP[: -len(BINNED)]:
            finer = rolling.coarser_bins(finer, level.width_ms)
            yield Kind(level, binned=True), finer
    finer = rolling.bins(rows, BINNED[0].width_ms)
    for level in BINNED:
        finer = rolling.coarser_bins(finer, level.width_ms)
        yield Kind(level, binned=True), finer


def _split(columns: Columns, width_ms: int) -> Iterator[tuple[int, Columns]]:
    """When each stretch of so much time begins that rows fall into, and those rows."""
    stretch = columns["time"] // width_ms
    first, last = int(stretch.min()), int(stretch.max())
    for each in np.unique(stretch).tolist() if first < last else [first]:
        yield each * width_ms, rolling.where(columns, stretch == each)
