"""Labels that are kept for the next time, by what was sent for them."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from nowline.ingest.columns import Label, Labels

Sent = TypeVar("Sent", bound=tuple[object, ...])

MOST_BYTES = 64 << 20
"""What the labels of one format may take: some 32,000 of four tags, or 2,000 of the longest."""
_ENTRY_BYTES = 256


# For fewer labels a list is not worth its while.
_FEWEST_TOGETHER = 32
_MOST_MET = 4096


class KeptLists:
    """Some of the lists of labels that bodies had, by all that was sent for them.

    Senders have the same series in body after body. A list is kept when it comes for the second
    time: bodies that are read together make another one each time. All are let go of before they
    take too much; none is kept with a label that is refused.

    Args:
        most_bytes: How much memory they may take, about.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lists: dict[Hashable, Labels] = {}
        self.get = self._lists.get
        self._met: set[int] = set()
        self.size = 0
        self._lock = threading.Lock()

    def keep(self, sent: Hashable, labels: Labels) -> Labels:
        """Keep the labels of this, which are returned.

        Args:
            sent: All that was sent for them, about as long as their keys.
            labels: The labels.
        """
        if len(labels) < _FEWEST_TOGETHER or labels.has_faults or not self._has_met(sent):
            return labels
        size = sum(label.size + len(label.key) + _ENTRY_BYTES for label in labels)
        with self._lock:
            if self.size + size > self._most_bytes:
                self._lists.clear()
                self.size = 0
            if size <= self._most_bytes:
                self._lists[sent] = labels
                self.size += size
        return labels

    def _has_met(self, sent: Hashable) -> bool:
        """Whether this came before; from now on it has."""
        mark = hash(sent)
        if mark in self._met:
            return True
        with self._lock:
            if len(self._met) >= _MOST_MET:
                self._met = set()
            self._met.add(mark)
        return False


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
