"""What the open windows hold, found by series and by time. Pure.

Cells of neighbouring seconds are kept together, ordered by series, so that one series among
thousands is found by a few binary searches instead of a look at every cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowline.model.grouping import grouped
from nowline.model.partials import Ints, Partials
from nowline.model.query import SECOND_MS
from nowline.store.catalogue import Selection

_TILE_MS = 32 * SECOND_MS
# How many times larger than a piece the newer ones together are when they are merged with it.
_FAN_IN = 3
# To merge more at once would keep the event loop busy for too long.
_MOST_MERGED = 65_536
# Fewer rows are put together before they are grouped: a round for each piece would take longer.
_FEW = 16_384
_COLUMNS = [each.name for each in fields(Partials) if each.name != "key"]


@dataclass(slots=True)
class _Tile:
    """The cells of the seconds in `[start, end)`: pieces in the order in which they came.

    Each piece is ordered by series, then second.
    """

    start: int
    end: int
    pieces: list[Partials] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def add(self, piece: Partials) -> None:
        """Take in a piece."""
        self.pieces.append(piece)
        sizes = [len(each) for each in self.pieces]
        newer = [sum(sizes[at + 1 :]) for at in range(len(sizes))]
        uneven = (at for at, size in enumerate(sizes) if _FAN_IN * size <= newer[at])
        first = next(uneven, None)
        if first is not None:
            self.pieces[first:] = [grouped(self.pieces[first:], SECOND_MS)]


class _Found(NamedTuple):
    """The rows of a piece at these places, and the groups that they add to."""

    piece: Partials
    at: slice | NDArray[np.bool_] | Ints
    group: Ints


class Cells:
    """Partials by series and second.

    Seconds lie together in tiles of 32. A tile with very many cells is taken apart into its
    seconds: those are found fast enough, and would take long to merge.
    """

    def __init__(self) -> None:
        self._tiles: dict[int, _Tile] = {}
        self._crowded: set[int] = set()

    def __len__(self) -> int:
        """How many there are, pieces counted apart."""
        return sum(map(len, self._tiles.values()))

    def add(self, cells: Partials) -> None:
        """Take in cells, ordered by series, then second; of equal ones, the newer come later."""
        for start, piece in _parts(cells, _TILE_MS):
            if self._overflows(start, piece):
                self._take_apart(start)
            if start in self._crowded:
                self._put_seconds(piece)
            else:
                self._put(start, _TILE_MS, piece)

    def find(self, selection: Selection, start: int, end: int, width_ms: int) -> Partials:
        """Partials of the selected series by group and bucket, of whole seconds `[start, end)`."""
        tiles = [each for each in self._tiles.values() if each.start < end and each.end > start]
        every = [_selected(piece, selection) for tile in tiles for piece in tile.pieces]
        found = [each for each in every if len(each.group)]
        together = sum(len(each.group) for each in found) < _FEW
        rows = [_rows(found)] if together and found else [_rows([each]) for each in found]
        return grouped([_inside(each, start, end) for each in rows], width_ms)

    def drop_before(self, second: int) -> None:
        """Let go of what is older, but for the rest of a tile that is not."""
        self._tiles = {at: tile for at, tile in self._tiles.items() if tile.end > second}
        self._crowded = {at for at in self._crowded if at + _TILE_MS > second}

    def _overflows(self, start: int, piece: Partials) -> bool:
        tile = self._tiles.get(start, ())
        return start not in self._crowded and len(tile) + len(piece) > _MOST_MERGED

    def _put(self, start: int, width_ms: int, piece: Partials) -> None:
        self._tiles.setdefault(start, _Tile(start, start + width_ms)).add(piece)

    def _take_apart(self, start: int) -> None:
        self._crowded.add(start)
        tile = self._tiles.pop(start, None)
        for piece in tile.pieces if tile else ():
            self._put_seconds(piece)

    def _put_seconds(self, cells: Partials) -> None:
        for start, piece in _parts(cells, SECOND_MS):
            self._put(start, SECOND_MS, piece)


def _parts(cells: Partials, width_ms: int) -> list[tuple[int, Partials]]:
    """The cells of each stretch of that width, and where it starts."""
    if not len(cells):
        return []
    start = cells.bucket // width_ms * width_ms
    if start.min() == start.max():
        return [(int(start[0]), cells)]
    return [(each, cells.where(start == each)) for each in np.unique(start).tolist()]


def _selected(piece: Partials, selection: Selection) -> _Found:
    """The rows of a piece that are of the selected series."""
    wanted = selection.series
    if len(wanted) > len(piece):
        return _Found(piece, *selection.groups_of(piece.key))
    first = piece.key.searchsorted(wanted)
    counts = piece.key.searchsorted(wanted, side="right") - first
    group = selection.group.repeat(counts)
    if len(group) == len(piece):
        return _Found(piece, slice(None), group)
    if len(wanted) == 1:
        return _Found(piece, slice(first[0], first[0] + counts[0]), group)
    within = np.arange(len(group)) - (counts.cumsum() - counts).repeat(counts)
    return _Found(piece, first.repeat(counts) + within, group)


def _rows(found: Sequence[_Found]) -> Partials:
    """What was found, one after the other, with the groups as keys."""
    columns = ([getattr(each.piece, name)[each.at] for each in found] for name in _COLUMNS)
    return Partials(*map(_joined, ([each.group for each in found], *columns)))


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _inside(rows: Partials, start: int, end: int) -> Partials:
    """The rows of the seconds in `[start, end)`."""
    inside = (rows.bucket >= start) & (rows.bucket < end)
    return rows if inside.all() else rows.where(inside)
