"""How many live connections this process can hold."""

from __future__ import annotations

import contextlib
import logging
import resource

# Descriptors that no live connection may take, so that the API, the log and the store go on.
_RESERVED_FILES = 256

log = logging.getLogger(__name__)


def most_readers(wanted: int) -> int:
    """As many as are wanted and the process may open files for, with those set aside for others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    most = max(1, min(wanted, soft - _RESERVED_FILES))
    if most < wanted:
        log.warning("Open files are limited to %d: serving up to %d live connections.", soft, most)
    return most
