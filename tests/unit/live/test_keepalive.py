from __future__ import annotations

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
