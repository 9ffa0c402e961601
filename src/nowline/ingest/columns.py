"""What every decoder makes of a body: columns of rows, and the rows it had to refuse."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.ingest.rules import label_fault
from nowline.model.partials import Floats, Ints
from nowline.model.series import MetricType, SeriesKey


class Rejected(msgspec.Struct, frozen=True):
    """A row that was refused: its 0-based place in the batch, and why."""

    index: int
    error: str


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

    def where(self, good: NDArray[np.bool_]) -> Columns:
        """Only the rows where `good` is true."""
        return replace(
            self,
            label=self.label[good],
            time=self.time[good],
            value=self.value[good],
            index=self.index[good],
        )

    def in_use(self) -> tuple[Ints, list[Label]]:
        """The places of the labels that rows have, ascending, and these labels."""
        places = np.flatnonzero(np.bincount(self.label, minlength=len(self.labels)))
        return places, [self.labels[at] for at in places.tolist()]
