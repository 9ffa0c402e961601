from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from nowline.app import interpreter


class Knot:
    """Garbage that only a look through everything finds."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def python() -> Iterator[None]:
    """Leave the interpreter as it was."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def an_old_knot() -> weakref.ref[Knot]:
    """One that has outlived the looks at new objects."""
    knot = Knot()
    gc.collect(0)
    gc.collect(1)
    return weakref.ref(knot)


def test_what_is_there_from_the_start_is_not_looked_through_again() -> None:
    interpreter.prepare()
    assert gc.get_freeze_count() > 10_000
    assert sys.getswitchinterval() == pytest.approx(0.001)


def test_all_objects_are_looked_through_when_many_are_new() -> None:
    interpreter.prepare()
    gone = an_old_knot()
    for _ in range(20):
        gc.collect(1)
    wait_s = interpreter.collect()
    assert gone() is None
    assert wait_s >= 60


def test_they_are_not_for_a_few() -> None:
    interpreter.prepare()
    gone = an_old_knot()
    assert interpreter.collect() == 60
    assert gone() is not None


async def test_it_goes_on_until_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter.prepare()
    monkeypatch.setattr(interpreter, "_LEAST_WAIT_S", 0.0)
    monkeypatch.setattr(interpreter, "_FEWEST_PASSES", 0)
    monkeypatch.setattr(interpreter, "_SHARE", 1e9)
    gone = an_old_knot()
    collecting = asyncio.create_task(interpreter.keep_collecting())
    for _ in range(3):
        await asyncio.sleep(0)
    assert gone() is None
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
