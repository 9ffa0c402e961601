"""What a query may cost; more is refused before anything is read. Pure."""

from __future__ import annotations

from nowline.errors import Code, FieldError, NowlineError

_MOST_BUCKETS = 1_000_000
_MOST_LOCAL_BUCKETS = 100_000
_MOST_CELLS = 2_000_000
_MOST_BINNED_CELLS = 200_000


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


def _too_much(what: str, limit: int) -> NowlineError:
    detail = (
        f"The query asks for {what}; the limit is {limit:,}. "
        "Ask for a shorter time_range or a wider interval."
    )
    errors = (FieldError("too narrow for this time_range", field="interval"),)
    return NowlineError(Code.UNPROCESSABLE, detail, errors=errors)
