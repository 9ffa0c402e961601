"""What the process needs of the machine."""

from __future__ import annotations

import os
import sys

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

_STATM = "/proc/self/statm"


def resident_mb() -> float | None:
    """Resident memory in MB: now on Linux, its peak on other Unix systems, None elsewhere."""
    try:
        return _resident_now() / 1e6
    except FileNotFoundError:
        return None if resource is None else _resident_at_most() / 1e6


def _resident_now() -> int:
    # A file object would take twice as long.
    descriptor = os.open(_STATM, os.O_RDONLY)
    try:
        return int(os.read(descriptor, 128).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(descriptor)


def _resident_at_most() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
