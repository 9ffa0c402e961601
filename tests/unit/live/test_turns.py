from __future__ import annotations

import asyncio

from nowline.live.turns import Turns


async def begin(turns: Turns, began: list[int], number: int, *, has_begun: bool = False) -> None:
    await turns.take(has_begun=has_begun)
    began.append(number)


async def test_a_few_begin_in_each_round_in_the_order_in_which_they_came() -> None:
    turns, began = Turns(3), list[int]()
    tasks = [asyncio.create_task(begin(turns, began, number)) for number in range(10)]
    counts = []
    while len(began) < len(tasks):
        await asyncio.sleep(0)
        counts.append(len(began))
    assert began == list(range(10))
    steps = [after - before for before, after in zip([0, *counts], counts, strict=False)]
    assert max(steps) == 3


async def test_who_gives_up_takes_nobodys_turn() -> None:
    turns, began = Turns(1), list[int]()
    tasks = [asyncio.create_task(begin(turns, began, number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[2].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert began == [0, 3]


async def test_nothing_runs_on_when_nobody_comes() -> None:
    turns = Turns(2)
    await turns.take()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not turns.is_counting
    await turns.take()
    assert turns.is_counting


async def test_who_has_begun_goes_first_but_for_one_newcomer_in_24() -> None:
    turns, began = Turns(4), list[int]()
    tasks = [asyncio.create_task(turns.take()) for _ in range(4)]
    tasks += [asyncio.create_task(begin(turns, began, number)) for number in range(4)]
    tasks += [
        asyncio.create_task(begin(turns, began, number, has_begun=True))
        for number in range(10, 110)
    ]
    await asyncio.gather(*tasks)
    assert [number >= 10 for number in began[:96]].count(False) == 4
    assert [number for number in began if number < 10] == [0, 1, 2, 3]
    assert [number for number in began if number >= 10] == list(range(10, 110))


async def test_work_is_done_at_once_or_in_its_turn() -> None:
    turns, done = Turns(2), list[int]()
    for number in range(5):
        turns.call(lambda number=number: done.append(number))  # type: ignore[misc]
    assert done == [0, 1]
    assert not turns.take_at_once()
    for _ in range(9):
        await asyncio.sleep(0)
    assert done == [0, 1, 2, 3, 4]
