"""The native encoder of points and decoder of columns, which `_native.c` makes where it can."""

from nowline.model.partials import Floats, Ints

def to_json(tags: list[bytes], group: Ints, moment: Ints, value: Floats, /) -> bytes | None:
    """An array of objects with `timestamp`, `value` and `tags`.

    Args:
        tags: The JSON of each group's.
        group: For each point, the index of its group.
        moment: For each point, epoch milliseconds; it is told in whole seconds.
        value: For each point, its value, which is told as the shortest decimal that is read as the
            same double again; null if it is not finite.

    Returns:
        None if there are no points, one is of another group, or its year has not four digits.

    Raises:
        ValueError: The columns are of different lengths, or not in one piece.
    """

def to_ints(raw: bytes, width: int, first: int, base: int, unit: int, out: Ints, /) -> None:
    """Whole numbers of which all low bytes are told first, then all second ones, and so on.

    Args:
        raw: The bytes of all of them.
        width: How many bytes each has: 1, 2, 4 or 8.
        first: The first one that is wanted.
        base: What is added to `unit` times each; what 64 bits have no room for wraps around.
        unit: What each is multiplied with.
        out: Has room for those that are wanted.

    Raises:
        ValueError: There are not so many, or `out` is not in one piece.
    """

def to_doubles(
    raw: bytes, width: int, first: int, base: float, power: float, out: Floats, /
) -> None:
    """The same as doubles: `base` plus each, divided by `power`; see `to_ints`."""
