"""Tags with a meaning of their own, and the tags of a metric's series by column."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Ints
from nowline.model.series import SeriesKey

# Ingest refuses empty tag keys, so no user's series has it.
INCREASE = ("", "increase")
"""The tag that a companion has beside those of its cumulative series."""
OVERFLOW = (("overflow", "true"),)
"""The tags of the series that takes what is past a limit."""
# The code of a tag that a series does not have, which is as good as the empty text.
_NONE = 0


@dataclass(slots=True)
class _Column:
    """Codes of one key's values, for the places of the series that have it."""

    values: dict[str, int] = field(default_factory=dict)
    places: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("q"))

    def add(self, place: int, value: str) -> None:
        code = self.values.setdefault(value, len(self.values) + 1 if value else _NONE)
        self.places.append(place)
        self.codes.append(code)

    def places_of(self, code: int) -> Ints:
        """The places with this code, ascending."""
        at = np.flatnonzero(np.frombuffer(self.codes, np.int64) == code)
        return np.frombuffer(self.places, np.int64)[at]

    def has(self, codes: Sequence[int], count: int) -> NDArray[np.bool_]:
        """For every place, whether its code is one of these."""
        if _NONE in codes or not self.places:
            return np.isin(self.dense(count), codes)
        # One value is what is asked for most, and a tenth of the work.
        own = np.frombuffer(self.codes, np.int64)
        is_one = own == codes[0] if len(codes) == 1 else np.isin(own, codes)
        found = np.zeros(count, bool)
        found[np.frombuffer(self.places, np.int64)[is_one]] = True
        return found

    def dense(self, count: int) -> Ints:
        """The code of every place."""
        codes = np.zeros(count, np.int64)
        codes[np.array(self.places, np.int64)] = np.array(self.codes, np.int64)
        return codes


def companion_key(key: SeriesKey) -> SeriesKey:
    """The key of the companion of a cumulative series."""
    return SeriesKey(key.name, (INCREASE, *key.tags))


def sample_key(key: SeriesKey) -> SeriesKey:
    """The key of the cumulative series of a companion."""
    return SeriesKey(key.name, tuple(tag for tag in key.tags if tag != INCREASE))


class TagColumns:
    """Tags of series by the place at which each was added, from 0 on.

    Choosing and grouping series is array work then. A column holds only the series that have its
    key: what is kept grows with the tags there are, not with keys times series.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}
        self._count = 0

    @property
    def values(self) -> dict[str, Collection[str]]:
        """The distinct values of each key, in the order in which they were seen."""
        return {key: column.values.keys() for key, column in self._columns.items()}

    def add(self, tags: Iterable[tuple[str, str]]) -> None:
        """Enter the next series."""
        for key, value in tags:
            if key not in self._columns:
                self._columns[key] = _Column()
            self._columns[key].add(self._count, value)
        self._count += 1

    def choose(self, filters: Mapping[str, Sequence[str]]) -> Ints:
        """The places, ascending, whose tags are among the filters' values."""
        if len(filters) == 1:
            # One tag with one value is what is asked for most.
            ((key, values),) = filters.items()
            column = self._columns.get(key)
            if column and len(values) == 1 and values[0] in column.values and values[0]:
                return column.places_of(column.values[values[0]])
        return np.flatnonzero(self._chosen(filters))

    def _chosen(self, filters: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
        """For every place, whether its tags are among the filters' values."""
        chosen = np.ones(self._count, bool)
        for key, values in filters.items():
            column = self._columns.get(key, _Column())
            wanted = [column.values[value] for value in values if value in column.values]
            wanted += [_NONE] if "" in values else []
            chosen &= column.has(wanted, self._count)
        return chosen

    def group(self, places: Ints, keys: Sequence[str]) -> tuple[Ints, list[tuple[str, ...]]]:
        """The group of each place by its values of these keys, and the groups' values, sorted."""
        if not len(places):
            return places, []
        if not keys:
            return np.zeros(len(places), np.int64), [()]
        columns = [self._columns.get(key, _Column()) for key in keys]
        code = np.zeros(len(places), np.int64)
        for column in columns:
            # Ranks keep the combined number far below 2^63, whatever the number of keys.
            _, code = np.unique(code, return_inverse=True)
            code = code * (len(column.values) + 1) + column.dense(self._count)[places]
        _, first, group = np.unique(code, return_index=True, return_inverse=True)
        texts = [self._texts(column, places[first]) for column in columns]
        values = list(zip(*texts, strict=True))
        order = sorted(range(len(values)), key=values.__getitem__)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank[group], [values[at] for at in order]

    def _texts(self, column: _Column, places: Ints) -> list[str]:
        names = {code: value for value, code in column.values.items()}
        codes = column.dense(self._count)[places].tolist()
        return [names.get(code, "") for code in codes]
