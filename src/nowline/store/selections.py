"""The selections of series that queries asked for last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nowline.store.catalogue import Selection

Question = tuple[str, tuple[tuple[str, tuple[str, ...]], ...], tuple[str, ...], bool]


class Selections:
    """The selections asked for last, each as of a number of series of its metric."""

    _MOST = 256
    # 32 MB.
    _MOST_SERIES = 2_000_000

    def __init__(self) -> None:
        self._kept: OrderedDict[Question, tuple[int, Selection]] = OrderedDict()
        self._series = 0

    def get(self, question: Question, count: int) -> Selection | None:
        """What was answered when the metric had so many series."""
        kept = self._kept.get(question)
        if kept is None or kept[0] != count:
            return None
        self._kept.move_to_end(question)
        return kept[1]

    def put(self, question: Question, count: int, selection: Selection) -> None:
        """Keep an answer, and let go of the oldest ones past the limits."""
        if old := self._kept.pop(question, None):
            self._series -= len(old[1].series)
        self._kept[question] = (count, selection)
        self._series += len(selection.series)
        while len(self._kept) > self._MOST or self._series > self._MOST_SERIES:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._series -= len(oldest.series)
