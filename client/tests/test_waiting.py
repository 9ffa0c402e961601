from __future__ import annotations

import threading

import pytest

from nowline_client.waiting import BATCH_ROWS, Counts, Waiting


def woken() -> tuple[list[bool], Waiting[int]]:
    calls: list[bool] = []
    return calls, Waiting(2 * BATCH_ROWS, calls.append)


def test_rows_leave_in_the_order_they_came() -> None:
    _, waiting = woken()
    for number in range(5):
        waiting.add(number)
    assert waiting.take(3) == [0, 1, 2]
    assert waiting.take(3) == [3, 4]
    assert waiting.take(3) == []


def test_a_full_queue_drops_its_oldest_rows_and_counts_them() -> None:
    waiting: Waiting[int] = Waiting(3, lambda _: None)
    for number in range(8):
        waiting.add(number)
    assert waiting.take(10) == [5, 6, 7]
    assert waiting.dropped == 5


def test_it_wakes_for_the_first_row_and_for_a_batch() -> None:
    calls, waiting = woken()
    for number in range(BATCH_ROWS + 5):
        waiting.add(number)
    assert calls == [False, True]


def test_counts_add_up_by_series() -> None:
    counts = Counts(10, lambda _: None)
    for _ in range(3):
        counts.add(("orders", (("shop", "rome"),)), 2)
    counts.add(("orders", ()), 0.5)
    _, sums = counts.seal()
    assert sums == {("orders", (("shop", "rome"),)): 6, ("orders", ()): 0.5}
    assert counts.seal()[1] == {}


def test_series_beyond_the_limit_drop_the_oldest() -> None:
    counts = Counts(2, lambda _: None)
    for name in "abcb":
        counts.add((name, ()), 1)
    assert counts.seal()[1] == {("b", ()): 2, ("c", ()): 1}
    assert counts.dropped == 1


@pytest.mark.parametrize("n", ["2", None, [1]])
def test_an_increment_that_is_no_number_changes_nothing(n: float) -> None:
    counts = Counts(2, lambda _: None)
    counts.add(("a", ()), 1)
    for series in ("a", "b"):
        with pytest.raises(TypeError):
            counts.add((series, ()), n)
    assert counts.seal()[1] == {("a", ()): 1}


def test_threads_lose_no_increment_and_no_row() -> None:
    counts = Counts(10, lambda _: None)
    waiting: Waiting[int] = Waiting(100_000, lambda _: None)
    taken: list[int] = []

    def add() -> None:
        for number in range(5000):
            counts.add(("a", ()), 1)
            waiting.add(number)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    sums = 0.0
    while any(thread.is_alive() for thread in threads):
        sums += sum(counts.seal()[1].values())
        taken += waiting.take(100)
    sums += sum(counts.seal()[1].values())
    taken += waiting.take(100_000)
    assert (sums, len(taken)) == (20_000, 20_000)
