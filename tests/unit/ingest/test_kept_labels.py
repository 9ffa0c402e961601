"""Labels are kept only as far as there is room for them, and only good ones."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from nowline.ingest.columns import Label, Labels
from nowline.ingest.kept_labels import KeptLabels, KeptLists

Kept = KeptLabels[tuple[str]]


def longest(number: int) -> Label:
    """A label with as much as there may be, of texts of its own."""
    return Label(f"m{number}", None, {f"{tag:0127}k": f"{number:0200}" * 5 for tag in range(32)})


def shortest(number: int) -> Label:
    return Label(f"m{number}", None, {f"{tag:02}": f"{number:07}" for tag in range(32)})


def put(kept: Kept, label: Label) -> None:
    kept.keep((label.name,), len(label.key), label)


def test_a_label_is_found_again() -> None:
    kept = Kept()
    put(kept, longest(1))
    assert kept.get(("m1",)) == longest(1)
    assert kept.get(("m2",)) is None


def test_a_label_that_is_refused_is_not_kept() -> None:
    kept = Kept()
    put(kept, Label("m", None, {"k": "v" * 2000}))
    assert kept.get(("m",)) is None
    assert kept.size == 0


@pytest.mark.parametrize("make", [longest, shortest])
def test_they_take_no_more_than_they_may(make: Callable[[int], Label]) -> None:
    most = 1 << 20
    kept = Kept(most)
    tracemalloc.start()
    try:
        for number in range(2 * most // make(0).size):
            put(kept, make(number))
            assert kept.size <= most
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.2 * most
    assert kept.get((make(number).name,)) is not None


def put_list(kept: KeptLists, start: int, labels: Labels) -> None:
    # It is kept when it comes for the second time.
    for _ in range(2):
        kept.keep(tuple((label.name, start) for label in labels), labels)


def test_a_list_is_found_again_by_all_that_was_sent_for_it() -> None:
    kept, labels = KeptLists(), Labels(map(shortest, range(40)))
    put_list(kept, 0, labels)
    sent = tuple((label.name, 0) for label in labels)
    assert kept.get(sent) is labels
    assert kept.get(sent[::-1]) is None
    assert kept.get(sent[:-1]) is None
    assert kept.get(tuple((label.name, 1) for label in labels)) is None


def test_a_list_that_came_once_is_not_kept() -> None:
    kept, labels = KeptLists(), Labels(map(shortest, range(40)))
    sent = tuple((label.name, 0) for label in labels)
    assert kept.keep(sent, labels) is labels
    assert kept.get(sent) is None
    assert kept.size == 0


def test_a_short_list_and_one_with_a_label_that_is_refused_are_not_kept() -> None:
    kept = KeptLists()
    put_list(kept, 0, Labels([shortest(1)]))
    put_list(kept, 0, Labels([*map(shortest, range(40)), Label("", None, {})]))
    assert kept.size == 0


@pytest.mark.parametrize("make", [longest, shortest])
def test_lists_take_no_more_than_they_may(make: Callable[[int], Label]) -> None:
    most = 4 << 20
    kept = KeptLists(most)
    tracemalloc.start()
    try:
        for start in range(0, 2 * most // make(0).size, 32):
            put_list(kept, start, Labels(map(make, range(start, start + 32))))
            assert kept.size <= most
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.2 * most
    assert kept.size > 0
