"""The server on one core, its load on another, where there are two."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_ALL = sorted(os.sched_getaffinity(0))
SERVER, LOAD = {_ALL[0]}, {_ALL[-1]}


@contextmanager
def on(cores: set[int]) -> Iterator[None]:
    """Start processes on these cores; they stay there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
