"""What a query may cost; more is refused before anything is read. Pure."""

from __future__ import annotations

from nowline.errors import Code, FieldError, NowlineError, invalid
from nowline.model.query import Aggregation, Fill, Query
from nowline.model.series import MetricType

_MOST_BUCKETS = 1_000_000
_MOST_LOCAL_BUCKETS = 100_000
_MOST_CELLS = 2_000_000
_MOST_BINNED_CELLS = 200_000
_HISTOGRAM = Aggregation.HISTOGRAM.value


def check(buckets: int, *, compares_days: bool) -> None:
    """Refuse more buckets than the limit.

    Args:
        buckets: Of one series.
        compares_days: Whether each is moved by the clock of a time zone.

    Raises:
        NowlineError: UNPROCESSABLE with the reason.
    """
    limit = _MOST_LOCAL_BUCKETS if compares_days else _MOST_BUCKETS
    if buckets > limit:
        raise _too_much(f"{buckets:,} buckets a series", limit)


def check_cells(buckets: int, lines: int, *, binned: bool) -> None:
    """Refuse more cells than the limit.

    Args:
        buckets: Of one line.
        lines: Groups of the answer, or series where each is read by itself.
        binned: Whether each cell is a histogram.

    Raises:
        NowlineError: UNPROCESSABLE with the reason.
    """
    limit = _MOST_BINNED_CELLS if binned else _MOST_CELLS
    if buckets * lines > limit:
        raise _too_much(f"{buckets:,} buckets of each of {lines:,} series or groups", limit)


def check_histogram(query: Query, kind: MetricType | None) -> None:
    """Refuse what a histogram cannot be asked with.

    Args:
        query: The query.
        kind: The metric's type, None if there is no such metric yet.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    if kind not in {None, MetricType.DISTRIBUTION}:
        message = f"`{_HISTOGRAM}` is of a distribution; this metric is a {kind.value}"
        raise invalid("aggregation", message)
    if query.group_by:
        raise invalid("group_by", f"`{_HISTOGRAM}` has a line for each size already; use filters")
    if query.compare is not None:
        raise invalid("compare", f"there is none of `{_HISTOGRAM}`")
    if query.fill not in {Fill.NONE, Fill.ZERO}:
        raise invalid("fill", f"of `{_HISTOGRAM}` is none or zero: no observation is a count of 0")


def check_whole(buckets: int, max_points: int) -> None:
    """Refuse more buckets of a histogram than points: its counts are never thinned.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    if buckets > max_points:
        message = f"makes {buckets:,} buckets: more than max_points, and counts are not thinned"
        raise invalid("interval", message)


def _too_much(what: str, limit: int) -> NowlineError:
    detail = (
        f"The query asks for {what}; the limit is {limit:,}. "
        "Ask for a shorter time_range or a wider interval."
    )
    errors = (FieldError("too narrow for this time_range", field="interval"),)
    return NowlineError(Code.UNPROCESSABLE, detail, errors=errors)
