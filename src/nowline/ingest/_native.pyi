"""The native scanners, which `_native.c` makes where it can be built."""

_Found = tuple[int, int, bytes, list[tuple[int, bytes]], bytearray]

def scan_lines(body: bytes, now_ms: int, digits: int, most: int, /) -> _Found:
    """Read whole lines of line protocol.

    Args:
        body: The lines; the line end after the last one may be missing.
        now_ms: The time of lines without one.
        digits: How many digits a time has beyond the milliseconds, 6, 3, 0 or -3.
        most: How many bytes series and fields may have in all.

    Returns:
        How many lines there are; how many bytes series and fields have, once for each kind of
        row; the series and the field of each of these, as `unpacked` reads them, unless that is
        more than `most`; number and text of each line that is not plain, but for empty ones and
        comments; and the columns of the rows, one after the other, in native 64-bit words: line,
        kind, epoch milliseconds, value.
    """

def scan_rows(body: bytes, now_ms: int, by_line: bool, /) -> _Found | None:
    """Read rows of JSON, one a line, or in an array, alone or as `metrics` of an object.

    Args:
        body: The rows.
        now_ms: The time of rows without one.
        by_line: Whether there is one a line.

    Returns:
        As `scan_lines`, with name, type and raw tags of each kind, empty where there are none.
        None if over an eighth of the lines are not plain rows, or any row of an array is not.
    """

def unpacked(packed: bytes, parts: int, /) -> tuple[list[bytes], ...]:
    """The texts of kinds, which the scanners give as one so that they can be known again as one.

    Args:
        packed: What a scanner gave.
        parts: How many texts each kind has: 2 of lines, 3 of rows of JSON.

    Returns:
        The first texts of all kinds, the second ones, and so on.

    Raises:
        ValueError: No scanner gave that.
    """
