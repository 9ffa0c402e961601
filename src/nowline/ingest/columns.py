"""What every decoder makes of a body: columns of rows, and the rows it had to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.ingest.rules import label_fault
from nowline.model.partials import Floats, Ints
from nowline.model.series import MetricType, SeriesKey

PART_SHIFT = 32
"""The bits of a joined row's index above these are the number of its body."""
_IN_PART = (1 << PART_SHIFT) - 1
# Measured with tracemalloc: the label and its dictionaries, and the two texts of each tag.
_LABEL_BYTES = 640
_TAG_BYTES = 160


class Rejected(msgspec.Struct, frozen=True):
    """A row that was refused: its 0-based place in the batch, and why."""

    index: int
    error: str

    def apart(self) -> tuple[int, Rejected]:
        """Of a joined row: the number of its body, and what was refused there."""
        return self.index >> PART_SHIFT, Rejected(self.index & _IN_PART, self.error)


class Label(msgspec.Struct, frozen=True, dict=True):
    """What a row calls its series; `type` is None where the row does not say it.

    A decoder that hands out the same label for the same series each time saves the work of
    finding out its key and its faults anew.
    """

    name: str
    type: MetricType | None
    tags: dict[str, str]

    @cached_property
    def key(self) -> bytes:
        """The canonical key of the series."""
        return SeriesKey.of(self.name, self.tags).encode()

    @cached_property
    def fault(self) -> str | None:
        """What is wrong with the name or tags, led by the field; None if nothing is."""
        return label_fault(self.name, self.tags)

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes with its key, by what 64-bit Python needs."""
        return _LABEL_BYTES + _TAG_BYTES * len(self.tags) + 2 * len(self.key)


class Labels(list[Label]):
    """Labels that do not change any more, and what follows from them alone.

    Senders have the same series in body after body: a decoder that hands out the same list again
    saves finding that out anew.
    """

    @cached_property
    def faults(self) -> list[str | None]:
        """What is wrong with each; None if nothing is."""
        return [label.fault for label in self]

    @cached_property
    def has_faults(self) -> bool:
        """Whether anything is wrong with one of them."""
        return any(self.faults)

    @cached_property
    def asked(self) -> list[tuple[str, MetricType | None]]:
        """The metrics of those that nothing is wrong with, and the types that they ask for."""
        good = (label for label in self if label.fault is None)
        return list(dict.fromkeys((label.name, label.type) for label in good))

    @cached_property
    def series(self) -> dict[bytes, str]:
        """The name of each series by its key; labels of one are the same tags in another order."""
        return {label.key: label.name for label in self}

    @cached_property
    def keys(self) -> list[bytes]:
        """The keys of the series."""
        return list(self.series)

    def typed(self, types: dict[str, MetricType]) -> list[MetricType]:
        """The type of each series, given those of the metrics, which hardly ever change."""
        known, typed = self._typed
        if known != types:
            typed = [types[name] for name in self.series.values()]
            self._typed = types, typed
        return typed

    @cached_property
    def _typed(self) -> tuple[dict[str, MetricType], list[MetricType]]:
        return {}, []

    @cached_property
    def numbers(self) -> NDArray[np.uint32]:
        """For each label, the index of its series' key."""
        number = dict(zip(self.keys, range(len(self.keys)), strict=True))
        return np.array([number[label.key] for label in self], np.uint32)


@dataclass(slots=True)
class Columns:
    """Rows by column, as decoded and not yet checked.

    Attributes:
        labels: The labels of the rows; there may be some that no row has.
        label: For each row, the index of its label.
        time: For each row, epoch milliseconds.
        value: For each row, its value.
        index: For each row, its 0-based place in the batch.
        rejected: The rows that could not be decoded.
        metadata: By metric name, the JSON object that describes the metric.
    """

    labels: list[Label]
    label: Ints
    time: Ints
    value: Floats
    index: Ints
    rejected: list[Rejected] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Columns]) -> Columns:
        """The rows of several bodies one after the other; `PART_SHIFT` tells which is whose."""
        firsts = np.cumsum([0, *(len(part.labels) for part in parts[:-1])]).tolist()
        return cls(
            [label for part in parts for label in part.labels],
            np.concatenate([part.label + at for part, at in zip(parts, firsts, strict=True)]),
            np.concatenate([part.time for part in parts]),
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.index + (at << PART_SHIFT) for at, part in enumerate(parts)]),
        )

    def where(self, good: NDArray[np.bool_]) -> Columns:
        """Only the rows where `good` is true."""
        return replace(
            self,
            label=self.label[good],
            time=self.time[good],
            value=self.value[good],
            index=self.index[good],
        )

    def in_use(self) -> tuple[Ints, Labels]:
        """The places of the labels that rows have, ascending, and these labels."""
        places = np.flatnonzero(np.bincount(self.label, minlength=len(self.labels)))
        if isinstance(self.labels, Labels) and len(places) == len(self.labels):
            return places, self.labels
        return places, Labels([self.labels[at] for at in places.tolist()])
