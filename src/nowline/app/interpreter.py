"""Python's own pauses: how long a thread holds the interpreter, and when garbage is looked for."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from typing import Final

# The event loop and a thread that computes hand over after this. A request that is answered by a
# thread changes hands several times; Python's own 5 ms each time would be most of what it takes.
_HAND_OVER_S: Final = 0.001
# New objects are looked through after so many, and those that stay after so many times. All are
# looked through by the clock (see `keep_collecting`), or once there are millions more.
_THRESHOLDS: Final = (700, 10, 500)
# Fewer new objects than ten times the first two thresholds are not worth it.
_FEWEST_PASSES: Final = 10
_LEAST_WAIT_S: Final = 60.0
# Ten thousand viewers are a million objects, a quarter of a second to look through. That is done
# in at most this share of the time, so that one request in a thousand may meet with it.
_SHARE: Final = 1 / 1000


def prepare() -> None:
    """Let threads hand over soon, and look no more through what is there from the start."""
    sys.setswitchinterval(_HAND_OVER_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


async def keep_collecting() -> None:
    """Look through all objects now and then, until cancelled: seldom where that takes long."""
    wait_s = _LEAST_WAIT_S
    while True:
        await asyncio.sleep(wait_s)
        wait_s = collect()


def collect() -> float:
    """Look through all objects if many are new; after how many seconds to ask again."""
    if gc.get_count()[2] < _FEWEST_PASSES:
        return _LEAST_WAIT_S
    began = time.perf_counter()
    gc.collect()
    return max(_LEAST_WAIT_S, (time.perf_counter() - began) / _SHARE)
