from __future__ import annotations

import asyncio

from nowline.live.keepalive import EVERY_S, Keepalive


class Counted:
    """A peer that counts how often it is asked."""

    def __init__(self) -> None:
        self.checks = 0

    def check(self) -> None:
        self.checks += 1


async def test_each_peer_is_checked_once_a_round_and_first_after_one() -> None:
    keepalive, peers = Keepalive(), [Counted() for _ in range(3)]
    for peer in peers:
        keepalive.add(peer)
        keepalive.check_next()
    for _ in range(EVERY_S - len(peers)):
        assert not any(peer.checks for peer in peers[1:])
        keepalive.check_next()
    assert [peer.checks for peer in peers] == [1, 0, 0]
    for _ in range(EVERY_S):
        keepalive.check_next()
    assert [peer.checks for peer in peers] == [2, 1, 1]


async def test_who_has_left_is_not_checked() -> None:
    keepalive, staying, leaving = Keepalive(), Counted(), Counted()
    for peer in (staying, leaving):
        keepalive.add(peer)
    keepalive.discard(leaving)
    for _ in range(EVERY_S):
        keepalive.check_next()
    assert (staying.checks, leaving.checks) == (1, 0)


async def test_a_peer_may_leave_when_it_is_checked() -> None:
    keepalive = Keepalive()

    class Leaving(Counted):
        def check(self) -> None:
            super().check()
            keepalive.discard(self)

    peers = [Leaving() for _ in range(5)]
    for peer in peers:
        keepalive.add(peer)
    for _ in range(2 * EVERY_S):
        keepalive.check_next()
    assert [peer.checks for peer in peers] == [1] * 5


async def test_thousands_are_not_all_checked_in_one_round_of_the_loop() -> None:
    keepalive, peers = Keepalive(), [Counted() for _ in range(1000)]
    for peer in peers:
        keepalive.add(peer)
    for _ in range(EVERY_S):
        keepalive.check_next()
    most, before = 0, 0
    while (checked := sum(peer.checks for peer in peers)) < len(peers):
        most, before = max(most, checked - before), checked
        await asyncio.sleep(0)
    assert most <= 50


async def test_who_leaves_while_others_are_checked_is_not() -> None:
    keepalive, peers = Keepalive(), [Counted() for _ in range(1000)]
    for peer in peers:
        keepalive.add(peer)
    for _ in range(EVERY_S):
        keepalive.check_next()
    left = [peer for peer in peers if not peer.checks]
    for peer in left:
        keepalive.discard(peer)
    for _ in peers:
        await asyncio.sleep(0)
    assert left
    assert not any(peer.checks for peer in left)
