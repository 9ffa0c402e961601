"""The plain rows of a body by the native scanner, where it could be built. Pure.

It is about ten times as fast as what it stands for, `line_scan`, and means the same.
"""

from __future__ import annotations

import numpy as np

from nowline.ingest.columns import Label
from nowline.ingest.line_grammar import NO_LABEL, labels_of
from nowline.ingest.line_scan import Scan, may_go_on
from nowline.ingest.rows import LabelRoom
from nowline.ingest.spans import Mask
from nowline.model.partials import Floats, Ints

try:
    from nowline.ingest import _native
except ImportError:
    IS_BUILT = False
else:
    IS_BUILT = True

_Table = tuple[Ints, Ints, Ints, Floats]


def scan_lines(piece: bytes, room: LabelRoom, now_ms: int, digits: int) -> Scan | None:
    """Read whole lines of line protocol.

    Args:
        piece: The lines; the line end after the last one may be missing.
        room: What the labels are taken from.
        now_ms: The time of lines without one.
        digits: How many digits a time has beyond the milliseconds; fewer than none for seconds.

    Returns:
        None if a string may go on from one line to the next.

    Raises:
        NowlineError: As `LabelRoom.take`.
    """
    lines, size, kinds, others, raw = _native.scan_lines(piece, now_ms, digits, room.left)
    room.take(size)
    if others and may_go_on(others):
        return None
    labels = labels_of(*kinds)
    line, label, time, value = _table(raw)
    if NO_LABEL in labels:
        keep = _labelled(line, label, labels)
        texts = piece.split(b"\n")
        others += [(at, texts[at]) for at in np.unique(line[~keep]).tolist()]
        line, label, time, value = line[keep], label[keep], time[keep], value[keep]
    return Scan(lines, labels, line, label, time, value, others)


def _table(raw: bytearray) -> _Table:
    words = np.frombuffer(raw, np.int64)
    end = len(words) // 4
    value = words[3 * end :].view(np.float64)
    return words[:end], words[end : 2 * end], words[2 * end : 3 * end], value


def _labelled(line: Ints, label: Ints, labels: list[Label]) -> Mask:
    """The rows of lines all of whose fields have a label."""
    missing = np.array([each is NO_LABEL for each in labels], bool)
    return ~np.isin(line, line[missing[label]])
