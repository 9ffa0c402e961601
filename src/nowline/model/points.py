"""The points of an answer, as columns, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

try:
    from nowline.model import _native
except ImportError:
    IS_NATIVE = False
else:
    IS_NATIVE = True


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
        told = self._natively() if IS_NATIVE else None
        return self._by_columns() if told is None else told

    def _natively(self) -> bytes | None:
        """The same by the native encoder; None where a year has more or less than four digits."""
        tags = [msgspec.json.encode(each) for each in self.tags]
        group, bucket = (np.ascontiguousarray(each, np.int64) for each in (self.group, self.bucket))
        return _native.to_json(tags, group, bucket, np.ascontiguousarray(self.value, np.float64))

    def _by_columns(self) -> bytes:
        values = msgspec.json.encode(self.value.tolist())[1:-1].split(b",")
        tails = [b',"tags":' + msgspec.json.encode(tags) + b"}," for tags in self.tags]
        if len(tails) == 1:
            # What ends one point is always the same, so it can begin the next one.
            heads = _heads(self.bucket, after=tails[0])
            heads[0] = heads[0][len(tails[0]) :]
            values[-1] += tails[0]
            return _woven(heads, values)
        # Groups have about the same buckets.
        moments, at = np.unique(self.bucket, return_inverse=True)
        heads = list(map(_heads(moments).__getitem__, at.tolist()))
        ends = [tails[group] for group in self.group.tolist()]
        return _woven(heads, values, ends)


_FIRST = b'{"timestamp":"'
_TIME = b"0000-00-00T00:00:00"
_END = b'Z","value":'
_MINUTE_MS, _DAY_MINUTES = 60_000, 1440
_MINUTES = np.array([b"%02d:%02d" % divmod(minute, 60) for minute in range(_DAY_MINUTES)])
_SECONDS = np.array([b"%02d" % second for second in range(60)])
_YEAR_10000_MS = 253_402_300_800_000
# For fewer points a day all its minutes are not worth their while; of those days, 5 MB are kept.
_MANY = 240
_MOST_DAYS = 32


def _woven(*columns: list[bytes]) -> bytes:
    """An array of the texts of the first row, then those of the second, and so on.

    Each row ends with a comma; that of the last one is left out.
    """
    parts = [b""] * (len(columns) * len(columns[0]))
    for at, column in enumerate(columns):
        parts[at :: len(columns)] = column
    # The whole text is long: it is not copied for what surrounds it.
    parts[0] = b"[" + parts[0]
    parts[-1] = parts[-1][:-1] + b"]"
    return b"".join(parts)


def _heads(moments: Ints, *, after: bytes = b"") -> list[bytes]:
    """Each point's JSON up to its value, after this text; times are RFC 3339, in whole seconds."""
    minute = moments // _MINUTE_MS
    days = range(int(minute[0]) // _DAY_MINUTES, int(minute[-1]) // _DAY_MINUTES + 1)
    if len(moments) < _MANY * len(days) or not _are_minutes(moments, minute):
        return _new_heads(moments, after)
    heads: list[bytes] = []
    midnights = [day * _DAY_MINUTES for day in (*days, days.stop)]
    edges = pairwise(minute.searchsorted(midnights).tolist())
    for day, midnight, (first, end) in zip(days, midnights, edges, strict=False):
        heads += _picked(_heads_of_day(day, after), minute[first:end] - midnight)
    return heads


def _are_minutes(moments: Ints, minute: Ints) -> bool:
    """Whether the moments are whole minutes, one after the other."""
    return bool((minute * _MINUTE_MS == moments).all() and (minute[1:] > minute[:-1]).all())


def _picked(heads: list[bytes], minutes: Ints) -> list[bytes]:
    """The heads of these minutes of a day, which are ascending."""
    if not len(minutes):
        return []
    first, last = int(minutes[0]), int(minutes[-1])
    if last - first == len(minutes) - 1:
        return heads[first : last + 1]
    return list(map(heads.__getitem__, minutes.tolist()))


@lru_cache(maxsize=_MOST_DAYS)
def _heads_of_day(day: int, after: bytes) -> list[bytes]:
    """The heads of every minute: what dashboards ask about is the same few days, over and over."""
    return _new_heads((day * _DAY_MINUTES + np.arange(_DAY_MINUTES)) * _MINUTE_MS, after)


def _new_heads(moments: Ints, after: bytes) -> list[bytes]:
    opening = after + _FIRST
    if int(moments.max()) >= _YEAR_10000_MS:
        texts = np.datetime_as_string(_seconds(moments)).astype("S").tolist()
        return [opening + text + _END for text in texts]
    second = moments // 1000
    minute = second // 60
    day = minute // _DAY_MINUTES
    heads = np.full(len(moments), opening + _TIME + _END)
    fields = heads.view(_fields(len(opening), heads.itemsize))
    fields["date"] = _dates(day)
    fields["minute"] = _MINUTES[minute - day * _DAY_MINUTES]
    fields["second"] = _SECONDS[second - minute * 60]
    found: list[bytes] = heads.tolist()
    return found


def _fields(start: int, size: int) -> np.dtype[np.void]:
    """Where the parts of a time are in a text of that size, in which it begins at `start`."""
    return np.dtype(
        {
            "names": ["date", "minute", "second"],
            "formats": ["S10", "S5", "S2"],
            "offsets": [start, start + 11, start + 17],
            "itemsize": size,
        }
    )


def _dates(day: Ints) -> NDArray[np.bytes_]:
    """Days since the epoch as dates; neighbours that are the same are worked out once."""
    starts = np.append(0, np.flatnonzero(day[1:] != day[:-1]) + 1)
    dates = np.datetime_as_string(day[starts].astype("M8[D]")).astype("S10")
    found: NDArray[np.bytes_] = dates.repeat(np.append(starts[1:], len(day)) - starts)
    return found


def _seconds(moments: Ints) -> NDArray[np.datetime64]:
    return moments.astype("M8[ms]").astype("M8[s]")
