"""What a reader of the log makes of its records: rows, and those that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nowline.bus.base import DeadLetter, Record
from nowline.model.batch import Batch, CorruptBatchError, activity_of, without_activity
from nowline.model.partials import Ints
from nowline.rollup.revision import concatenate, empty
from nowline.store.base import Rows
from nowline.store.catalogue import Catalogue

_LOST = "its bytes cannot be read any more: the file of the log was damaged"
_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that cannot be taken in.

    Attributes:
        record: The record.
        reason: Why not.
        rows: How many rows it has; None if that cannot be told.
    """

    record: Record
    reason: str
    rows: int | None

    @property
    def blob(self) -> bytes:
        """What is kept of the record: not what happened, if the other reader could keep that."""
        blob = self.record.blob
        try:
            activity_of(blob)
        except CorruptBatchError:
            return blob
        return without_activity(blob)

    def letter(self, group: str, now_ms: int) -> DeadLetter:
        """What is kept of it."""
        reason = " ".join(self.reason.split())[:_LONGEST_REASON]
        size = len(self.blob)
        return DeadLetter(self.record.offset, group, reason, now_ms, self.rows, size)


@dataclass(frozen=True, slots=True)
class Intake:
    """What was made of records.

    Attributes:
        rows: The rows of all batches, in order, with the ids of their series.
        offset: For each row, the offset of its record.
        received_ms: When the newest batch came in; 0 if there is none.
        faults: The records that gave no rows.
    """

    rows: Rows
    offset: Ints
    received_ms: int
    faults: list[Fault]


def take_in(
    records: Sequence[Record], catalogue: Catalogue, refused: Mapping[int, str] | None = None
) -> Intake:
    """Decode records, and enter their series; one that is damaged takes no other with it.

    Args:
        records: The records.
        catalogue: Knows the series, or gets to know them.
        refused: By offset, why a record is not to be taken in although it could be.
    """
    parts, offsets, faults = [empty()], [np.empty(0, np.int64)], []
    received_ms = 0
    for record in records:
        taken = _take_in(record, catalogue, (refused or {}).get(record.offset))
        if isinstance(taken, Fault):
            faults.append(taken)
            continue
        batch, series = taken
        parts.append(Rows(series, batch.time, batch.value))
        offsets.append(np.full(len(batch), record.offset))
        received_ms = batch.received_ms
    return Intake(concatenate(*parts), np.concatenate(offsets), received_ms, faults)


def _take_in(
    record: Record, catalogue: Catalogue, refused: str | None
) -> Fault | tuple[Batch, Ints]:
    if not record.blob:
        return Fault(record, _LOST, None)
    try:
        batch = Batch.decode(record.blob)
        if refused is not None:
            return Fault(record, refused, len(batch))
        return batch, catalogue.resolve(batch)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others are well
        return Fault(record, str(error) or type(error).__name__, None)
