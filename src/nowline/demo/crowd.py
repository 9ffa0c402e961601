"""Who is in the shop: a fixed crowd, each of whom stays for a while and comes back. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowline.demo.rhythm import uniform

_CUSTOMERS = 1000
_SELLERS = 12
_VISIT_S = 600
_STREAM = 21
_ORGANIZATIONS = ("acme", "birchwood", "copperline", "dovetail", "eastgate", "fernhill")
_PRIVATE = 0.35
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Mobile Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/141.0.0.0 Mobile Safari/537.36",
)


class Person(NamedTuple):
    """Somebody in the shop, in one session of theirs; only some belong to an organization."""

    user_id: str
    organization_id: str | None
    session_id: str
    ip_address: str
    user_agent: str


def customers(seed: int, places: NDArray[np.int64], second: int) -> list[Person]:
    """Who takes these places at that second: one customer for a visit, then the next.

    Args:
        seed: Which shop.
        places: From 0 to one less than there are visitors.
        second: Epoch seconds.
    """
    # Not everybody leaves in the same second.
    visits = (second + places * 37) // _VISIT_S
    sessions = places * 10_000_019 + visits
    numbers = (uniform(seed, _STREAM, sessions) * _CUSTOMERS).astype(np.int64)
    return [
        _customer(number, session)
        for number, session in zip(numbers.tolist(), sessions.tolist(), strict=True)
    ]


def seller(number: int, second: int) -> Person:
    """One of the people who fill the catalogue; `number` is any that is not negative."""
    number %= _SELLERS
    return Person(
        user_id=f"seller-{number + 1}",
        organization_id=_ORGANIZATIONS[number % len(_ORGANIZATIONS)],
        session_id=f"desk-{number + 1}-{second // (8 * 3600):x}",
        ip_address=f"198.51.100.{number + 1}",
        user_agent=_BROWSERS[number % 3],
    )


def _customer(number: int, session: int) -> Person:
    kind = number * 0.618034 % 1
    belongs = kind >= _PRIVATE
    return Person(
        user_id=f"customer-{number + 1}",
        organization_id=_ORGANIZATIONS[number % len(_ORGANIZATIONS)] if belongs else None,
        session_id=f"visit-{session & 0xFFFF_FFFF:08x}",
        ip_address=f"203.0.113.{number % 254 + 1}",
        user_agent=_BROWSERS[number % len(_BROWSERS)],
    )
