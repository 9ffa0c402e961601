from __future__ import annotations

import asyncio

from nowline.live import slices
from nowline.live.slices import Slices


class Clock:
    """A steady clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_slice_is_over_by_the_clock_and_the_next_one_begins_after_a_rest() -> None:
    clock = Clock()
    work = Slices(clock)
    told = [work.is_over]
    for part in 0.9, 0.2:
        clock.now_s += slices.LONGEST_S * part
        told.append(work.is_over)
    await work.rest()
    assert [*told, work.is_over] == [False, False, True, False]


async def test_what_was_waited_for_is_no_part_of_a_slice() -> None:
    clock = Clock()
    work = Slices(clock)
    clock.now_s += 1
    work.begin()
    assert not work.is_over


async def test_others_that_go_through_the_loop_a_few_times_are_done_within_one_rest() -> None:
    clock = Clock()
    work, steps = Slices(clock), list[int]()

    async def request() -> None:
        for step in range(3):
            steps.append(step)
            await asyncio.sleep(0)

    asking = asyncio.create_task(request())
    await work.rest()
    assert steps == [0, 1, 2]
    await asking
