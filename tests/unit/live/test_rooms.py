"""Each message once, in order, to everyone in its room; the slow skip and harm nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.live.reader import FULL_BYTES, Reader
from nowline.live.rooms import Rooms
from unit.live.viewers import Pipe, lone_reader, messages

UTC, ROME = ZoneInfo("UTC"), ZoneInfo("Europe/Rome")


class Counters:
    """Counters of a zone, and how often somebody looked."""

    def __init__(self) -> None:
        self.figures = 0
        self.looks = 0

    def __call__(self, zone: ZoneInfo) -> tuple[object, bytes]:
        self.looks += 1
        text = json.dumps({"event": "stats:update", "data": [self.figures, zone.key, self.looks]})
        return self.figures, text.encode()


def event(number: int, size: int = 0) -> list[bytes]:
    return [json.dumps({"number": number, "pad": "x" * size}).encode()]


def heard(pipe: Pipe) -> list[dict[str, Any]]:
    return messages(pipe.take())


def enter(rooms: Rooms, chosen: int) -> tuple[Reader, Pipe]:
    reader, pipe = lone_reader()
    rooms.enter(reader, chosen, UTC)
    return reader, pipe


async def tell(rooms: Rooms, told: Sequence[tuple[int, Sequence[bytes]]]) -> None:
    await rooms.publish(told)
    # What is not complete yet is completed as `run` does, and when somebody comes.
    rooms._backlog.seal()
    await rooms.tell()


async def test_everyone_is_told_of_their_rooms_with_the_same_bytes() -> None:
    rooms = Rooms(Counters())
    (_, one), (_, two), (_, every) = enter(rooms, 1), enter(rooms, 1), enter(rooms, 7)
    await tell(rooms, [(1, event(0)), (2, event(1)), (1, event(2)), (4, event(3))])
    assert one.waiting[0] is two.waiting[0]
    assert [message["number"] for message in heard(one)] == [0, 2]
    assert [message["number"] for message in heard(every)] == [0, 1, 2, 3]


async def test_what_came_before_is_not_told() -> None:
    rooms = Rooms(Counters())
    enter(rooms, 7)
    await rooms.publish([(1, event(0))])
    _, late = enter(rooms, 7)
    await tell(rooms, [(1, event(1))])
    assert [message["number"] for message in heard(late)] == [1]


async def test_nothing_is_made_for_nobody() -> None:
    rooms = Rooms(Counters())

    made: list[int] = []

    def all_made() -> Iterator[tuple[int, Sequence[bytes]]]:
        for number in range(3):
            made.append(number)
            yield 1, event(number)

    await rooms.publish(all_made())
    reader, pipe = enter(rooms, 7)
    rooms.leave(reader)
    rooms.leave(reader)
    await rooms.publish(all_made())
    assert made == []
    assert pipe.take() == b""


async def test_a_short_breath_loses_nothing() -> None:
    rooms = Rooms(Counters())
    _, pipe = enter(rooms, 1)
    pipe.write(b"x" * (FULL_BYTES + 1))
    for number in range(100):
        await tell(rooms, [(1, event(number, 1_000))])
    pipe.take()
    found: list[int] = []
    while not await rooms.tell():
        found += [message["number"] for message in heard(pipe)]
    found += [message["number"] for message in heard(pipe)]
    assert found == list(range(100))
    assert rooms._backlog.is_empty


async def test_who_is_too_slow_is_told_how_many_it_skipped_and_holds_up_nobody() -> None:
    rooms = Rooms(Counters(), most_bytes=100 << 10)
    (_, slow), (_, quick), (_, elsewhere) = enter(rooms, 1), enter(rooms, 3), enter(rooms, 2)
    slow.write(b"x" * (FULL_BYTES + 1))
    found = []
    for number in range(300):
        await tell(rooms, [(1, event(number, 1_000)), (1, event(number))])
        found += [message["number"] for message in heard(quick)]
    assert found == [number for number in range(300) for _ in range(2)]
    slow.take()
    await rooms.tell()
    notice, *rest = heard(slow)
    assert notice == {"type": "skipped", "skipped": 600 - len(rest)}
    assert rest[-1]["number"] == 299
    assert rooms.skipped == notice["skipped"]
    assert elsewhere.take() == b""


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_told_and_skipped_make_up_everything(data: st.DataObject) -> None:
    asyncio.run(check_counts(data))


async def check_counts(data: st.DataObject) -> None:
    rooms = Rooms(Counters(), most_bytes=70 << 10)
    chosen = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    people = [(mask, enter(rooms, mask)[1]) for mask in chosen]
    found: list[list[dict[str, Any]]] = [[] for _ in people]
    sent: list[tuple[int, int]] = []
    for _ in range(data.draw(st.integers(1, 12))):
        for _ in range(data.draw(st.integers(0, 30))):
            room = data.draw(st.sampled_from([1, 2, 4]))
            await rooms.publish([(room, event(len(sent), data.draw(st.integers(0, 9_000))))])
            sent.append((room, len(sent)))
        await tell(rooms, [])
        for index, (_, pipe) in enumerate(people):
            if data.draw(st.booleans()):
                found[index] += heard(pipe)
    await drain(rooms, [pipe for _, pipe in people], found)
    for (mask, _), told in zip(people, found, strict=True):
        check_order([number for room, number in sent if room & mask], told)


async def drain(rooms: Rooms, pipes: list[Pipe], found: list[list[dict[str, Any]]]) -> None:
    is_done = False
    while not is_done:
        for index, pipe in enumerate(pipes):
            found[index] += heard(pipe)
        is_done = await rooms.tell()
    for index, pipe in enumerate(pipes):
        found[index] += heard(pipe)


def check_order(expected: list[int], told: list[dict[str, Any]]) -> None:
    """A notice stands where messages are left out, and counts them."""
    at = 0
    for message in told:
        if "skipped" in message:
            assert message["skipped"] > 0
            at += message["skipped"]
        else:
            assert message["number"] == expected[at]
            at += 1
    assert at == len(expected)


async def test_counters_are_told_when_they_change_and_to_who_comes() -> None:
    counters = Counters()
    rooms = Rooms(counters)
    await rooms.tell_stats()
    assert counters.looks == 0
    _, first = enter(rooms, 1)
    await rooms.tell_stats()
    await rooms.tell_stats()
    assert [message["data"] for message in heard(first)] == [[0, "UTC", 1]]
    reader, second = lone_reader()
    rooms.enter(reader, 2, UTC)
    await rooms.tell_stats()
    assert [message["data"] for message in heard(second)] == [[0, "UTC", 3]]
    assert first.take() == b""
    counters.figures = 5
    await rooms.tell_stats()
    assert heard(first) == heard(second) == [{"event": "stats:update", "data": [5, "UTC", 4]}]


async def test_counters_are_those_of_the_viewers_zone() -> None:
    counters = Counters()
    rooms = Rooms(counters)
    (roman, pipe), (_, other) = lone_reader(), enter(rooms, 1)
    rooms.enter(roman, 1, ROME)
    await rooms.tell_stats()
    assert heard(pipe)[0]["data"][1] == "Europe/Rome"
    assert heard(other)[0]["data"][1] == "UTC"
    rooms.leave(roman)
    looks = counters.looks
    await rooms.tell_stats()
    assert counters.looks == looks + 1


async def test_it_runs_by_itself_and_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowline.live.rooms._GATHER_S", 0.01)
    rooms = Rooms(Counters())
    running = asyncio.create_task(rooms.run())
    _, pipe = enter(rooms, 7)
    told: list[int] = []
    for number in range(500):
        await rooms.publish([(1, event(number))])
    async with asyncio.timeout(10):
        while len(told) < 500:
            await asyncio.sleep(0)
            told += [m["number"] for m in heard(pipe) if "number" in m]
    assert told == list(range(500))
    running.cancel()
    await asyncio.wait([running])
