from __future__ import annotations

import pytest

from nowline.auth import tickets
from nowline.auth.tickets import Tickets
from nowline.model.user import Principal

BOB = Principal("u", "bob", frozenset(), "s")


def test_a_ticket_is_good_once() -> None:
    tested = Tickets[Principal]()
    ticket = tested.issue(BOB, 0)
    assert tested.holder(ticket, 29_999) == BOB
    assert tested.redeem(ticket, 29_999) == BOB
    assert tested.holder(ticket, 29_999) is None
    assert tested.redeem(ticket, 29_999) is None


def test_a_ticket_is_good_for_thirty_seconds() -> None:
    tested = Tickets[Principal]()
    assert tested.redeem(tested.issue(BOB, 0), 30_000) is None
    assert tested.redeem("made up", 0) is None


def test_tickets_that_nobody_used_are_dropped() -> None:
    tested = Tickets[Principal]()
    for now_ms in range(0, 100_000, 1000):
        tested.issue(BOB, now_ms)
    assert len(tested) == 30


def test_past_the_capacity_the_oldest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "_CAPACITY", 2)
    tested = Tickets[Principal]()
    first, second, third = (tested.issue(BOB, 0) for _ in range(3))
    assert tested.redeem(first, 0) is None
    assert tested.redeem(second, 0) == BOB
    assert tested.redeem(third, 0) == BOB
