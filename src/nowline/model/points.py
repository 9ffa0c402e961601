"""The points of an answer, as columns, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

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

    def where(self, chosen: NDArray[np.bool_] | Ints) -> Points:
        """Only the points where `chosen` is true, or those at its indices."""
        return Points(self.tags, self.group[chosen], self.bucket[chosen], self.value[chosen])

    def to_json(self) -> bytes:
        """`[{"timestamp", "value", "tags"}, …]` as in CONTRACT.md.

        JSON has no NaN and no infinities (RFC 8259, section 6): they are null.
        """
        if not len(self):
            return b"[]"
        tails = [_TAGS + msgspec.json.encode(tags) + _NEXT for tags in self.tags]
        parts = [_VALUE] * (4 * len(self))
        parts[0::4] = timestamps(self.bucket)
        parts[2::4] = msgspec.json.encode(self.value.tolist())[1:-1].split(b",")
        parts[3::4] = map(tails.__getitem__, self.group.tolist())
        return b"".join([b"[", _FIRST, *parts])[: -len(_NEXT)] + b"}]"


_FIRST = b'{"timestamp":"'
_VALUE = b'","value":'
_TAGS = b',"tags":'
_NEXT = b"}," + _FIRST
_TEMPLATE = np.frombuffer(b"0000-00-00T00:00:00Z", np.uint8)
_YEAR_10000_MS = 253_402_300_800_000


def timestamps(moments: Ints) -> list[bytes]:
    """Epoch milliseconds as RFC 3339 in UTC, to the second."""
    if not len(moments) or int(moments.max()) >= _YEAR_10000_MS:
        return [b"%sZ" % each for each in np.datetime_as_string(_seconds(moments)).astype("S")]
    day, second = np.divmod(moments // 1000, 86_400)
    days, at = np.unique(day, return_inverse=True)
    dates = np.datetime_as_string(days.astype("M8[D]")).astype("S10")
    text = np.tile(_TEMPLATE, (len(moments), 1))
    text[:, :10] = dates.view(np.uint8).reshape(-1, 10)[at]
    for place, part in ((11, second // 3600), (14, second // 60 % 60), (17, second % 60)):
        text[:, place] += (part // 10).astype(np.uint8)
        text[:, place + 1] += (part % 10).astype(np.uint8)
    found: list[bytes] = text.view("S20")[:, 0].tolist()
    return found


def _seconds(moments: Ints) -> NDArray[np.datetime64]:
    return moments.astype("M8[ms]").astype("M8[s]")
