"""How values are written, as on the page (web/src/series/unit.ts). Pure."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

UNITS = ("percent", "bytes", "bytes/s", "ms", "/s", "/min", "EUR", "count")
NOTHING = "–"  # noqa: RUF001 - the dash that stands for no value

_BYTES = ("B", "KB", "MB", "GB", "TB", "PB")
_THOUSANDS = ("", "k", "M", "G", "T")
_DURATIONS = ((1000, 1, "ms"), (60_000, 1000, "s"), (3_600_000, 60_000, "min"))
_HOUR_MS = 3_600_000
_MOST = 1e15
_MOST_COUNT = 1e18
_CLOSE = ("%", "/s", "/min", "")
_BY_SUFFIX = (
    (re.compile(r"[._]bytes$"), "bytes"),
    (re.compile(r"[._](ms|milliseconds|duration|latency)$"), "ms"),
    (re.compile(r"[._](percent|pct)$"), "percent"),
)


class Written(NamedTuple):
    """A value in two parts, so that its unit can be set smaller."""

    figure: str
    unit: str


def write(value: float, unit: str, decimals: int | None = None) -> Written:
    """The figure and the unit of a value.

    Args:
        value: A finite number.
        unit: One of `UNITS`, or empty.
        decimals: How many digits stand behind the point; None for as many as a glance can use.
    """
    match unit:
        case "percent":
            return Written(_digits(value, decimals, 1), "%")
        case "bytes" | "bytes/s":
            rest, name = _scaled(value, 1024, _BYTES)
            return Written(_digits(rest, decimals, 1), name + unit.removeprefix("bytes"))
        case "ms":
            return _duration(value, decimals)
        case "/s" | "/min":
            return Written(_count(value, decimals), unit)
        case "EUR":
            return Written(_count(value, decimals), "€")
        case _:
            return Written(_count(value, decimals), "")


def text_of(value: float | None, unit: str, decimals: int | None = None) -> str:
    """The value with its unit; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    written = write(value, unit, decimals)
    return f"{written.figure}{'' if written.unit in _CLOSE else ' '}{written.unit}"


def unit_of(metric: str) -> str:
    """The unit that a metric's name tells, or none."""
    return next((unit for pattern, unit in _BY_SUFFIX if pattern.search(metric)), "")


def per_second(unit: str) -> str:
    """The unit of the same quantity per second."""
    return "bytes/s" if unit == "bytes" else "/s"


def span_of(ms: float) -> str:
    """How long a span is, in the largest unit that is honest: `3 s`, `4 min`, `7 d`."""
    seconds = round(ms / 1000)
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= (2 if name == "d" else 1) * size:
            return f"{seconds // size:,} {name}"
    return f"{seconds} s"


def base_of(unit: str) -> int:
    """What round numbers of a unit are made of: 1024 for bytes, else 10."""
    return 1024 if unit.startswith("bytes") else 10


def _digits(value: float, decimals: int | None, most: int = 2) -> str:
    # Beyond this there is nothing to read: 300 digits would be drawn over all that stands beside.
    if abs(value) >= _MOST:
        return f"{value:.2e}"
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    size = abs(value)
    places = 0 if size >= 100 else min(1, most) if size >= 10 else most
    text = f"{value:,.{places}f}"
    text = text.rstrip("0").rstrip(".") if places else text
    return "0" if text == "-0" else text


def _count(value: float, decimals: int | None) -> str:
    if not 10_000 <= abs(value) < _MOST_COUNT:
        return _digits(value, decimals)
    rest, name = _scaled(value, 1000, _THOUSANDS)
    return _digits(rest, decimals) + name


def _duration(value: float, decimals: int | None) -> Written:
    for limit, divisor, name in _DURATIONS:
        if abs(value) < limit:
            return Written(_digits(value / divisor, decimals), name)
    return Written(_digits(value / _HOUR_MS, decimals), "h")


def _scaled(value: float, base: int, names: tuple[str, ...]) -> tuple[float, str]:
    step = 0
    while abs(value) >= base and step < len(names) - 1:
        value /= base
        step += 1
    return value, names[step]
