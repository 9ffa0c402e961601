"""Messages are kept in order, as far as they fit, and every one is counted."""

from __future__ import annotations

import json

from nowline.live.backlog import Backlog
from nowline.live.frames import websocket_text
from unit.live.viewers import inflated, messages

ALL = 7


def numbers(data: bytes) -> list[int]:
    return [message["number"] for message in messages(data)]


def text(number: int, size: int = 0) -> bytes:
    return json.dumps({"number": number, "pad": "x" * size}).encode()


def test_a_room_is_told_its_own_messages_in_order() -> None:
    backlog = Backlog(1 << 20)
    for number in range(6):
        backlog.append(1 << number % 3, [text(number)])
    backlog.seal()
    piece = backlog.after(0)
    assert piece is not None
    assert numbers(piece.of(1)) == [0, 3]
    assert numbers(piece.of(2 | 4)) == [1, 2, 4, 5]
    assert piece.of(ALL) is piece.of(ALL)
    assert (backlog.before(1, 1), backlog.before(1, ALL)) == (2, 6)


def test_nothing_is_told_before_it_is_complete() -> None:
    backlog = Backlog(1 << 20)
    backlog.append(1, [text(0), text(1)])
    assert backlog.after(0) is None
    assert not backlog.is_empty
    backlog.seal()
    piece = backlog.after(0)
    assert piece is not None
    assert numbers(piece.of(1)) == [0, 1]
    backlog.seal()
    assert backlog.next == 1


def test_much_is_cut_into_pieces_and_the_oldest_go_first() -> None:
    backlog = Backlog(100 << 10)
    for number in range(200):
        backlog.append(1, [text(number, 2_000)])
    backlog.seal()
    newest = backlog.next - 1
    assert newest > 5
    gone = backlog.after(0)
    assert gone is not None
    assert gone.number == newest
    first = next(n for n in range(newest) if getattr(backlog.after(n), "number", None) == n)
    kept = [backlog.after(n) for n in range(first, newest + 1)]
    told = [number for piece in kept if piece for number in numbers(piece.of(1))]
    assert told == list(range(backlog.before(first, 1), 200))
    assert sum(piece.size for piece in kept if piece) <= 100 << 10


def test_one_message_larger_than_all_that_is_kept_is_told() -> None:
    backlog = Backlog(100)
    backlog.append(1, [text(0, 1_000)])
    backlog.append(1, [text(1, 1_000)])
    backlog.seal()
    piece = backlog.after(0)
    assert piece is not None
    assert numbers(piece.of(1)) == [0, 1]


def test_long_messages_are_compressed_for_those_who_agreed_on_that() -> None:
    backlog = Backlog(1 << 20)
    backlog.append(1, [text(0), text(1, 500)])
    backlog.seal()
    piece = backlog.after(0)
    assert piece is not None
    packed, short = piece.of(1, deflates=True), websocket_text(text(0))
    assert packed.startswith(short)
    assert inflated(packed[len(short) :]) == text(1, 500)
    assert piece.of(1, deflates=True) is packed
    assert numbers(piece.of(1)) == [0, 1]
