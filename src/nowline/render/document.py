"""A dashboard as a file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

from nowline import __version__
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Position
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.model.sheet import Drawn, Sheet, Shown
from nowline.render.canvas import Canvas, drawing, pdf
from nowline.render.drawing import Palette
from nowline.render.geometry import Box
from nowline.render.layout import GAP, ROW, Page, height_of, one_page, pages, place_of
from nowline.render.lettering import Face, Weight
from nowline.render.panel import SMALL, STRONG, note
from nowline.render.scales import local
from nowline.render.theme import Colours, colours_of
from nowline.render.units import span_of
from nowline.render.widget import asked, draw_widget

# A4, landscape, in points; the page is drawn as if it were so many pixels wide.
_A4_WIDTH, _A4_HEIGHT = 841.89, 595.28
_PDF_WIDTH: Final = 1200.0
_MARGIN: Final = 28.0
_FOOT: Final = 34.0
# Rows of a page are made higher to fill it, but not by more than this.
_MOST_STRETCH: Final = 1.5
# Of a PNG: what one of that size takes in memory while it is drawn is four bytes a pixel.
_MOST_PIXELS: Final = 48_000_000
_EMPTY: Final = Position(0, 0, 12, 4)

_NAME: Final = Face(22, Weight.MEDIUM)
_WHEN: Final = Face(13, Weight.MEDIUM)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What every page of a sheet is drawn with."""

    sheet: Sheet
    colours: Colours
    zone: ZoneInfo
    palette: Palette
    is_simple: bool = False


def render(sheet: Sheet) -> bytes:
    """A dashboard and what it showed, as the file that its `look` asks for.

    Raises:
        NowlineError: UNPROCESSABLE: it would be too large a picture.
    """
    metrics = (each.query.metric_name for shown in sheet.shown for each in asked(shown)[0])
    zone = ZoneInfo(sheet.timezone)
    drawn = _Sheet(sheet, colours_of(sheet.look.theme), zone, Palette(metrics))
    with drawing():
        try:
            return _file(drawn)
        except NowlineError:
            raise
        except Exception:  # noqa: BLE001 - of what the library makes of strange scripts
            _log.exception("the file could not be drawn, and is drawn again in simple letters")
            return _file(replace(drawn, is_simple=True))


def _file(drawn: _Sheet) -> bytes:
    return _png(drawn) if drawn.sheet.look.kind is Drawn.PNG else _pdf(drawn)


def _png(drawn: _Sheet) -> bytes:
    sheet, look = drawn.sheet, drawn.sheet.look
    page = one_page([each.widget.position for each in sheet.shown])
    width = float(look.width)
    head = _head_height(sheet, width)
    height = _MARGIN + head + height_of(page.rows or _EMPTY.h) + _FOOT
    if width * height * look.scale**2 > _MOST_PIXELS:
        detail = "The picture would be too large: ask for a smaller `scale` or `width`, or a PDF."
        raise NowlineError(Code.UNPROCESSABLE, detail)
    canvas = Canvas(width, height, drawn.colours.background, is_simple=drawn.is_simple)
    _head(drawn, canvas)
    area = Box(_MARGIN, _MARGIN + head, width - 2 * _MARGIN, height - _MARGIN - head - _FOOT)
    _widgets(drawn, canvas, page, area, ROW)
    _foot(drawn, canvas, "")
    return canvas.png(look.scale, {"Title": sheet.name, "Software": f"Nowline {__version__}"})


def _pdf(drawn: _Sheet) -> bytes:
    points = _A4_WIDTH / _PDF_WIDTH
    height = _A4_HEIGHT / points
    head = _head_height(drawn.sheet, _PDF_WIDTH)
    room = height - _MARGIN - _FOOT
    positions = [each.widget.position for each in drawn.sheet.shown]
    found = pages(positions, _rows_in(room - head), _rows_in(room))
    canvases = []
    for number, page in enumerate(found):
        background = drawn.colours.background
        canvas = Canvas(_PDF_WIDTH, height, background, points, is_simple=drawn.is_simple)
        top = _MARGIN + (0 if number else head)
        if not number:
            _head(drawn, canvas)
        area = Box(_MARGIN, top, _PDF_WIDTH - 2 * _MARGIN, height - top - _FOOT)
        _widgets(drawn, canvas, page, area, _row_height(page, area.h))
        _foot(drawn, canvas, f"{number + 1} of {len(found)}")
        canvases.append(canvas)
    return pdf(canvases, drawn.sheet.name, drawn.sheet.made_at)


def _rows_in(height: float) -> int:
    return max(1, int((height + GAP) // (ROW + GAP)))


def _row_height(page: Page, room: float) -> float:
    """How high a row is so that the page is full, as far as that looks well."""
    return min(ROW * _MOST_STRETCH, (room + GAP) / max(1, page.rows) - GAP)


def _widgets(drawn: _Sheet, canvas: Canvas, page: Page, area: Box, row: float) -> None:
    colours = drawn.colours
    if not page.places:
        box = place_of(_EMPTY, area, row)
        canvas.box(box, colours.surface, edge=colours.hairline, radius=8)
        note(canvas, box, "Nothing stands on this dashboard yet.", colours.muted)
    for at, position in page.places.items():
        _widget(drawn, canvas, place_of(position, area, row), drawn.sheet.shown[at])


def _widget(drawn: _Sheet, canvas: Canvas, box: Box, shown: Shown) -> None:
    given = drawn.palette, drawn.colours, drawn.zone
    try:
        draw_widget(canvas, box, shown, *given)
    except Exception:  # noqa: BLE001 - one that is broken must not take the others with it
        _log.exception("the widget %r could not be drawn", shown.widget.id)
        broken = Shown(shown.widget, problem="This widget could not be drawn.")
        draw_widget(canvas, box, broken, *given)


def _head_height(sheet: Sheet, width: float) -> float:
    return 50.0 + 18 * len(_about(sheet, width))


def _about(sheet: Sheet, width: float) -> list[str]:
    """What the dashboard is for, and what it is narrowed to."""
    room = width - 2 * _MARGIN
    lines = SMALL.wrap(sheet.description or "", room, 2)
    chosen = [f"{tag}: {', '.join(values)}" for tag, values in sheet.filters.items() if values]
    return [*lines, *SMALL.wrap(f"Only {' · '.join(chosen)}" if chosen else "", room, 1)]


def _head(drawn: _Sheet, canvas: Canvas) -> None:
    sheet, colours = drawn.sheet, drawn.colours
    right = canvas.width - _MARGIN
    when = range_words(sheet, drawn.zone)
    canvas.text(right, _MARGIN + 12, when, _WHEN, colours.text, "right")
    made = f"{_moment(sheet.made_at, drawn.zone, seconds=True)} · {sheet.timezone}"
    canvas.text(right, _MARGIN + 31, f"Made {made}", SMALL, colours.muted, "right")
    room = right - _MARGIN - 24 - max(_WHEN.width(when), SMALL.width(f"Made {made}"))
    name = _NAME.fit(sheet.name, room)
    canvas.text(_MARGIN, _MARGIN + 22, name, _NAME, colours.text)
    for at, line in enumerate(_about(sheet, canvas.width)):
        canvas.text(_MARGIN, _MARGIN + 48 + 18 * at, line, SMALL, colours.muted)


def range_words(sheet: Sheet, zone: ZoneInfo) -> str:
    """The range of a sheet: `Last hour, to 22 Nov 2026, 20:47`, or its two ends."""
    start, end = local(sheet.start, zone), local(sheet.end, zone)
    until = _moment(sheet.end, zone)
    if abs(sheet.made_at - sheet.end) <= 1000:
        return f"Last {_span_words(sheet.end - sheet.start)}, to {until}"
    since = f"{start:%H:%M}" if start.date() == end.date() else _moment(sheet.start, zone)
    if start.date() == end.date():
        return f"{_day(sheet.end, zone)}, {since} to {end:%H:%M}"
    return f"{since} to {until}"


def _span_words(ms: int) -> str:
    """`hour`, `5 minutes`, `24 hours`, `7 days`."""
    for size, least, name in ((DAY_MS, 2, "day"), (HOUR_MS, 1, "hour"), (MINUTE_MS, 1, "minute")):
        if ms % size == 0 and ms >= least * size:
            return name if ms == size else f"{ms // size} {name}s"
    return span_of(ms)


def _moment(at: int, zone: ZoneInfo, *, seconds: bool = False) -> str:
    return f"{_day(at, zone)}, {local(at, zone):{'%H:%M:%S' if seconds else '%H:%M'}}"


def _day(at: int, zone: ZoneInfo) -> str:
    moment = local(at, zone)
    return f"{moment.day} {moment:%b %Y}"


def _foot(drawn: _Sheet, canvas: Canvas, page: str) -> None:
    colours, y = drawn.colours, canvas.height - 13
    canvas.line([_MARGIN, _MARGIN], [y - 9, y + 1], colours.accent, 2)
    canvas.text(_MARGIN + 7, y, "Nowline", STRONG, colours.text)
    right = canvas.width - _MARGIN
    canvas.text(right, y, page, SMALL, colours.muted, "right")
    left = _MARGIN + 7 + STRONG.width("Nowline") + 10
    room = right - SMALL.width(page) - 20 - left
    canvas.text(left, y, SMALL.fit(drawn.sheet.name, room), SMALL, colours.muted)
