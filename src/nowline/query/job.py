"""What is read for one want, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, NamedTuple

from nowline.model.partials import Need
from nowline.query.blocks import Block, Want
from nowline.query.merging import T
from nowline.query.recent import FreshRows
from nowline.store.base import Span
from nowline.store.catalogue import Selection


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """Rows by group and bucket, and whether part of them was at hand."""

    rows: T
    cached: bool


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """What the store has of a range, and the log's offset up to which it has it."""

    rows: T
    offset: int


class Load(NamedTuple):
    """One call of the store, but for its series."""

    span: Span
    distribution: bool


@dataclass(slots=True)
class Shared:
    """Whose rows one call of the store is to tell, and what of them is of use."""

    need: Need
    selections: dict[int, Selection] = field(default_factory=dict)

    def add(self, want: Want) -> None:
        """One want more."""
        self.selections[id(want.selection)] = want.selection
        self.need = self.need.with_(want.need)


@dataclass(slots=True)
class Job(Generic[T]):
    """One want on its way.

    Attributes:
        want: What is wanted.
        loads: What the store is asked for.
        memory: Rows of the windows.
        fresh: Rows that the store may not have yet, where they are asked for.
        whole: The buckets to keep, `[start, end)`; empty if none.
        known: Rows that were kept of whole buckets.
        edge: Those that were kept, by seconds, of what is before them.
        known_until: Up to where they are in `whole`; its start if there are none.
        revision: The metric's, when this began.
    """

    want: Want
    loads: list[Load]
    memory: list[T]
    fresh: FreshRows | None
    whole: tuple[int, int]
    known: list[T]
    edge: list[T]
    known_until: int
    revision: int


class Done(NamedTuple, Generic[T]):
    """The rows of one want, and what to keep of them by the width of its buckets."""

    rows: T
    kept: list[tuple[int, Block[T]]]
