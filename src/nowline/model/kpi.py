"""Key performance indicators: named formulas over metrics, and the periods they are shown for."""

from __future__ import annotations

import math
import re
from enum import Enum

import msgspec

from nowline.errors import invalid
from nowline.model.query import DAY_MS, MINUTE_MS

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_NAME = 100
_MOST_UNIT = 32
_MOST_RULES = 16


class Period(Enum):
    """What a value is for: the UTC minute, hour or day that it is now."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def width_ms(self) -> int:
        """How long it is."""
        return _WIDTHS_MS[self]


_WIDTHS_MS = {Period.MINUTE: MINUTE_MS, Period.HOUR: 60 * MINUTE_MS, Period.DAY: DAY_MS}


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule: the least and the greatest value that are valid; None where there is no such."""

    min: float | None = None
    max: float | None = None

    def allows(self, value: float) -> bool:
        """Whether the value is within both bounds."""
        above = self.min is None or value >= self.min
        return above and (self.max is None or value <= self.max)


class Kpi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A definition (CONTRACT: query). A value is valid if every rule allows it."""

    code: str
    name: str
    expression: str
    unit: str | None = None
    target: float | None = None
    rules: tuple[Bounds, ...] = ()

    def allows(self, value: float) -> bool:
        """Whether the value is within all rules."""
        return all(rule.allows(value) for rule in self.rules)


class Direction(Enum):
    """Where a value went since the period before."""

    UP = "up"
    DOWN = "down"
    FLAT = "flat"


class KpiReading(msgspec.Struct, frozen=True, kw_only=True):
    """A KPI's value as of `timestamp` (RFC 3339): of the period so far, against the one before.

    What cannot be told is null: `value` and `previous` without data, `delta` without one of
    them, `delta_percent` (of the previous value's size) also where that is 0, `valid` without a
    value.
    """

    code: str
    name: str
    value: float | None
    previous: float | None
    delta: float | None
    delta_percent: float | None
    direction: Direction | None
    unit: str | None
    target: float | None
    valid: bool | None
    period: Period
    timestamp: str


def is_code(text: str) -> bool:
    """Whether a KPI may have this code."""
    # A client would shorten a path that ends in one or two dots.
    return _CODE.fullmatch(text) is not None and text not in {".", ".."}


def check(kpi: Kpi) -> None:
    """Check everything but the expression.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    if not is_code(kpi.code):
        raise invalid("code", "must be 1 to 64 letters, digits, `_`, `.` or `-`")
    if not kpi.name.strip() or len(kpi.name) > _MOST_NAME or not kpi.name.isprintable():
        raise invalid("name", f"must have 1 to {_MOST_NAME} printable characters")
    if kpi.unit is not None and not (len(kpi.unit) <= _MOST_UNIT and kpi.unit.isprintable()):
        raise invalid("unit", f"must have at most {_MOST_UNIT} printable characters")
    _check_number("target", kpi.target)
    if len(kpi.rules) > _MOST_RULES:
        raise invalid("rules", f"there are {len(kpi.rules)}; the limit is {_MOST_RULES}")
    for index, rule in enumerate(kpi.rules):
        _check_rule(f"rules[{index}]", rule)


def _check_rule(field: str, rule: Bounds) -> None:
    _check_number(f"{field}.min", rule.min)
    _check_number(f"{field}.max", rule.max)
    if rule.min is None and rule.max is None:
        raise invalid(field, "needs `min`, `max` or both")
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        raise invalid(f"{field}.min", "must not be greater than `max`")


def _check_number(field: str, number: float | None) -> None:
    if number is not None and not math.isfinite(number):
        raise invalid(field, "must be a finite number")
