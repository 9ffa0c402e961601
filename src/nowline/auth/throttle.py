"""How many failed sign-ins are allowed, by e-mail address and place, and by place alone. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from math import ceil


class Throttle:
    """Allows a burst of failures for each key, and one more each time `refill_s` has passed.

    Only the time at which a key will be back to its full burst is kept; a key that is there
    already is forgotten when room is needed, and the ones nearest to it next.

    Args:
        burst: Failures allowed at once.
        refill_s: Seconds after which one more is allowed.
        capacity: The most keys to remember.
    """

    def __init__(self, *, burst: int, refill_s: float, capacity: int) -> None:
        self._burst_s = burst * refill_s
        self._refill_s = refill_s
        self._capacity = capacity
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def wait_s(self, key: str, now_s: float) -> float:
        """Seconds until the next attempt is allowed; 0 if it is now."""
        owed_s = self._full_at.get(key, now_s) - now_s
        return max(0.0, owed_s + self._refill_s - self._burst_s)

    def fail(self, key: str, now_s: float) -> None:
        """Count a failure."""
        full_at = max(self._full_at.pop(key, now_s), now_s) + self._refill_s
        if len(self._full_at) >= self._capacity:
            self._make_room(now_s)
        self._full_at[key] = full_at

    def forgive(self, key: str) -> None:
        """Forget the failures of a key."""
        self._full_at.pop(key, None)

    def _make_room(self, now_s: float) -> None:
        """Drop an eighth at once, so that a flood of new keys does not sort for each of them."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now_s}
        spare = len(self._full_at) - self._capacity * 7 // 8
        for key in sorted(self._full_at, key=self._full_at.__getitem__)[: max(0, spare)]:
            del self._full_at[key]


class SignInThrottle:
    """Slows down guessing one user's password, and guessing many users' from one place.

    Someone who guesses from elsewhere does not keep the user out: an e-mail address counts only
    together with the place that the attempts come from.
    """

    def __init__(self) -> None:
        self._pairs = Throttle(burst=10, refill_s=30, capacity=50_000)
        self._places = Throttle(burst=100, refill_s=3, capacity=50_000)

    def wait_s(self, email: str, ip: str | None, now_s: float) -> int:
        """Whole seconds until an attempt is allowed; 0 if it is now."""
        place = _place(ip)
        pair_s = self._pairs.wait_s(f"{place} {email}", now_s)
        return ceil(max(pair_s, self._places.wait_s(place, now_s)))

    def fail(self, email: str, ip: str | None, now_s: float) -> None:
        """Count a failed sign-in."""
        place = _place(ip)
        self._pairs.fail(f"{place} {email}", now_s)
        self._places.fail(place, now_s)

    def succeed(self, email: str, ip: str | None) -> None:
        """Forget this user's failures from here; those of others from here still count."""
        self._pairs.forgive(f"{_place(ip)} {email}")


def _place(ip: str | None) -> str:
    """An IPv4 address, or the /64 network of an IPv6 one, all of which one host may have."""
    try:
        address = ip_address(ip or "")
    except ValueError:
        return ip or "local"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> 64:x}::/64"
