"""The native encoder of points, which `_native.c` makes where it can be built."""

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
