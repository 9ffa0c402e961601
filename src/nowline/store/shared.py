"""What goes to and comes from a cache that outlives the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

Name = tuple[str, bytes]
"""A metric, and what tells the value from others of that metric."""

MOST_BYTES = 256 << 10
"""Larger values are not kept: reading rows anew is about as fast as fetching so many bytes."""


class Fetched(NamedTuple):
    """What the cache told.

    Attributes:
        values: Those that are there and good.
        stamps: By metric, what to hand to `put` with values worked out from now on.
    """

    values: Mapping[Name, bytes]
    stamps: Mapping[str, bytes]


class Position(NamedTuple):
    """How far a server was.

    Attributes:
        offset: Of the log, up to which the store had everything.
        start: Epoch milliseconds: rows from before were told to `revise`.
    """

    offset: int
    start: int


@dataclass(slots=True)
class SharedTally:
    """How the cache did, for `/metrics`."""

    hits: int = 0
    misses: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
