"""The points of an answer, as columns, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from nowline.model.partials import Floats, Ints


@dataclass(frozen=True, slots=True)
class Points:
    """One value per group and bucket, ordered by group, then time.

    Attributes:
        tags: For each group, the values of its `group_by` keys.
        group: For each point, the index of its group.
        bucket: For each point, the start of its bucket in epoch milliseconds.
        value: For each point, its value; NaN where it has none.
    """

    tags: list[dict[str, str]]
    group: Ints
    bucket: Ints
    value: Floats

    def __len__(self) -> int:
        return len(self.bucket)

    def to_json(self) -> bytes:
        """`[{"timestamp", "value", "tags"}, …]` as in CONTRACT.md."""
        times = np.datetime_as_string(self.bucket.astype("M8[ms]").astype("M8[s]")).tolist()
        tags = [msgspec.json.encode(group).decode() for group in self.tags]
        rows = zip(times, self.value.tolist(), self.group.tolist(), strict=True)
        points = (
            f'{{"timestamp":"{time}Z","value":{_number(value)},"tags":{tags[group]}}}'
            for time, value, group in rows
        )
        return f"[{','.join(points)}]".encode()


def _number(value: float) -> str:
    """JSON has no NaN and no infinities (RFC 8259, section 6): they are null."""
    return repr(value) if -np.inf < value < np.inf else "null"
