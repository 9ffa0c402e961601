"""What every decoder makes of a body: columns of rows, and the rows it had to refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from nowline.model.partials import Floats, Ints
from nowline.model.series import MetricType, SeriesKey


class Rejected(msgspec.Struct, frozen=True):
    """A row that was refused: its 0-based place in the batch, and why."""

    index: int
    error: str


class Label(msgspec.Struct, frozen=True, dict=True):
    """What a row calls its series; `type` is None where the row does not say it.

    A decoder that meets the same series again and again may keep its label.
    """

    name: str
    type: MetricType | None
    tags: dict[str, str]

    @cached_property
    def key(self) -> bytes:
        """The canonical key of the series (see `SeriesKey.encode`)."""
        return SeriesKey.of(self.name, self.tags).encode()


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
