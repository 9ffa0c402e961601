"""Where widgets stand: on one long picture, or on pages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nowline.model.dashboard import GRID_COLUMNS, Position
from nowline.render.geometry import Box

ROW: Final = 56.0
GAP: Final = 8.0


@dataclass(frozen=True, slots=True)
class Page:
    """Which widgets stand on a page, and where.

    Attributes:
        places: By index of the widget, its position; rows count from the top of the page.
        rows: How many rows it has.
    """

    places: dict[int, Position]
    rows: int


def one_page(positions: Sequence[Position]) -> Page:
    """All widgets on one page; rows that nothing stands in are left out."""
    places = dict(enumerate(_closed_up(positions)))
    return Page(places, _rows(places))


def pages(positions: Sequence[Position], first: int, others: int) -> list[Page]:
    """Widgets on pages of so many rows, broken where none is cut.

    One that is higher than a page is made as high as it; where widgets that stand side by side do
    not end together, the page ends above the first that does not fit.

    Args:
        positions: Where the widgets stand on the dashboard.
        first: How many rows the first page has room for.
        others: How many the others have.
    """
    left = {
        at: Position(each.x, each.y, each.w, min(each.h, first))
        for at, each in enumerate(_closed_up(positions))
    }
    found: list[Page] = []
    while left:
        top = min(each.y for each in left.values())
        chosen = _chosen(left, top, others if found else first)
        places = {at: _moved(left[at], top) for at in chosen}
        found.append(Page(places, _rows(places)))
        left = {at: each for at, each in left.items() if at not in chosen}
    return found or [Page({}, 0)]


def place_of(position: Position, area: Box, row: float) -> Box:
    """The box of a widget on a page, in an area of twelve columns and rows of this height."""
    column = (area.w - GAP * (GRID_COLUMNS - 1)) / GRID_COLUMNS
    return Box(
        area.x + position.x * (column + GAP),
        area.y + position.y * (row + GAP),
        position.w * (column + GAP) - GAP,
        position.h * (row + GAP) - GAP,
    )


def height_of(rows: int, row: float = ROW) -> float:
    """How high so many rows are."""
    return max(0.0, rows * (row + GAP) - GAP)


def _chosen(left: dict[int, Position], top: int, room: int) -> set[int]:
    """The widgets of the next page."""
    edge = top + room
    cuts = [
        cut
        for cut in range(edge, top, -1)
        if not any(each.y < cut < each.y + each.h for each in left.values())
    ]
    if cuts:
        return {at for at, each in left.items() if each.y < cuts[0]}
    late = min(each.y for each in left.values() if each.y + each.h > edge)
    found = {
        at for at, each in left.items() if each.y + each.h <= edge and each.y <= max(late, top)
    }
    return found or {min(left, key=lambda at: (left[at].y, left[at].x))}


def _closed_up(positions: Sequence[Position]) -> list[Position]:
    """The same without rows that nothing stands in."""
    taken = sorted({row for each in positions for row in range(each.y, each.y + each.h)})
    rows = {row: at for at, row in enumerate(taken)}
    return [_moved(each, each.y - rows[each.y]) for each in positions]


def _moved(position: Position, up: int) -> Position:
    return Position(position.x, position.y - up, position.w, position.h)


def _rows(places: dict[int, Position]) -> int:
    return max((each.y + each.h for each in places.values()), default=0)
