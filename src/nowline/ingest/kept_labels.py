"""Labels that are kept for the next time, by what was sent for them."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from nowline.ingest.columns import Label

Sent = TypeVar("Sent", bound=tuple[object, ...])

MOST_BYTES = 64 << 20
"""What the labels of one format may take: some 32,000 of four tags, or 2,000 of the longest."""
_ENTRY_BYTES = 256


class KeptLabels(Generic[Sent]):
    """Some of the labels that were met; all are let go of before they take too much.

    A label that is refused is not kept: it may be of any length, and comes again and again only
    from who does not mind.

    Args:
        most_bytes: How much memory they may take, about.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._labels: dict[Sent, Label] = {}
        self.get = self._labels.get
        self.size = 0
        # Long bodies are read by threads.
        self._lock = threading.Lock()

    def keep(self, sent: Sent, length: int, label: Label) -> Label:
        """Keep the label, if nothing is wrong with it.

        Args:
            sent: What it is found by.
            length: How many bytes that has.
            label: The label, which is returned.
        """
        if label.fault is not None:
            return label
        size = label.size + length + _ENTRY_BYTES
        with self._lock:
            if self.size + size > self._most_bytes:
                self._labels.clear()
                self.size = 0
            self._labels[sent] = label
            self.size += size
        return label
