"""What people do in the shop, event by event. Pure.

The events of a second tell of the requests that the shop's metrics count in it: what is frequent
is sampled, what is rare is told each time at the usual rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nowline.demo.crowd import Person, customers, seller
from nowline.demo.shop import (
    CREATE,
    ENDPOINTS,
    LOGIN,
    OBSERVED,
    REGISTER,
    SERVER_ERRORS,
    Counts,
    World,
)

_STREAM = 22
# However busy a shop is, as much is told of it as of one of the usual rate, and of its API
# calls so many a second on average.
_USUAL_RATE = 20.0
_TOLD_CALLS = 10.0
_SECONDS_PER_CALL = 5
_LOGGED_ERRORS = 0.5
_FEATURES = ("wishlist", "compare", "reviews", "gift_card", "size_guide", "order_history")
_PAGES = ("/", "/new", "/sale", "/products/{id}", "/checkout", "/account", "/help")
_WOODS = ("Oak", "Ash", "Linen", "Copper", "Slate", "Wool", "Cedar", "Glass")
_THINGS = ("lamp", "chair", "shelf", "blanket", "vase", "table", "basket", "mirror", "rug")
_REASONS = {
    500: "Unhandled exception in the request handler",
    503: "The service restarts after a deploy",
    504: "The database did not answer in time",
}


class _Frequency(NamedTuple):
    """How often something happens that no request of the shop's API stands for."""

    event_type: str
    per_call: float
    by_seller: bool


_FREQUENCIES = (
    _Frequency("USER_LOGOUT", 0.6 * ENDPOINTS[LOGIN].share, by_seller=False),
    _Frequency("PAGE_VIEW", 0.12, by_seller=False),
    _Frequency("FEATURE_USED", 0.035, by_seller=False),
    _Frequency("PRODUCT_UPDATED", 4 * ENDPOINTS[CREATE].share, by_seller=True),
    _Frequency("PRODUCT_DELETED", 0.4 * ENDPOINTS[CREATE].share, by_seller=True),
)


class ShopEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as it is sent; `timestamp` in epoch milliseconds."""

    event_type: str
    event_id: str
    timestamp: int
    user_id: str
    session_id: str
    organization_id: str | None = None
    metadata: dict[str, Any] = {}


class _Deed(NamedTuple):
    """Something that happened in a second, before it is known by whom."""

    event_type: str
    metadata: dict[str, Any]
    by_seller: bool = False


class ShopEvents:
    """Tells the events of a shop; those of a second are always the same, and so are their ids.

    Args:
        seed: Which shop.
        rate: Its API calls per second on average.
    """

    def __init__(self, seed: int, rate: float) -> None:
        self._seed = seed
        self._share = min(1.0, _USUAL_RATE / rate)
        self._call_share = min(1.0, _TOLD_CALLS / rate)

    def of(self, world: World) -> list[ShopEvent]:
        """The events of a stretch of time, oldest first, each in the second before its metrics."""
        return [event for row in range(len(world.seconds)) for event in self._second(world, row)]

    def _second(self, world: World, row: int) -> list[ShopEvent]:
        second = int(world.seconds[row])
        random = np.random.default_rng([self._seed, _STREAM, second])
        deeds = [
            *self._calls(random, world, row),
            *self._answered(random, world.answers[row]),
            *self._others(random, int(world.users[row])),
        ]
        random.shuffle(deeds)
        places = random.integers(0, max(1, int(world.users[row])), len(deeds))
        people = customers(self._seed, places, second)
        times = (second - 1) * 1000 + np.sort(random.integers(0, 1000, len(deeds)))
        return [
            _event(
                deed,
                seller(at, second) if deed.by_seller else people[at],
                f"demo-{self._seed}-{second}-{at}",
                int(times[at]),
            )
            for at, deed in enumerate(deeds)
        ]

    def _calls(self, random: np.random.Generator, world: World, row: int) -> Iterator[_Deed]:
        told = random.binomial(world.answers[row], self._call_share)
        for index, endpoint in enumerate(ENDPOINTS):
            durations = world.api_ms[row, index].tolist()
            statuses = (endpoint.success, endpoint.client_error, *SERVER_ERRORS)
            answers = [
                status
                for status, times in zip(statuses, told[index].tolist(), strict=True)
                for _ in range(times)
            ]
            for place, status in enumerate(answers):
                call = {"endpoint": endpoint.path, "method": endpoint.method, "status": status}
                yield _Deed("API_CALL", {**call, "duration_ms": durations[place % OBSERVED]})

    def _answered(self, random: np.random.Generator, answers: Counts) -> Iterator[_Deed]:
        """What requests were for, and which of them ended in an error that was logged."""
        told = random.binomial(answers[:, 0], self._share)
        for _ in range(told[LOGIN]):
            yield _Deed("USER_LOGIN", {"details": "with a password"})
        for _ in range(told[REGISTER]):
            yield _Deed("USER_REGISTERED", {"details": "by the sign-up form"})
        for _ in range(told[CREATE]):
            yield _Deed("PRODUCT_CREATED", _product(random), by_seller=True)
        failed = random.binomial(answers[:, 2:], self._call_share * _LOGGED_ERRORS)
        for index, outcome in np.argwhere(failed).tolist():
            endpoint, status = ENDPOINTS[index], SERVER_ERRORS[outcome]
            error = {"endpoint": endpoint.path, "method": endpoint.method, "status": status}
            for _ in range(failed[index, outcome]):
                yield _Deed("ERROR", {**error, "details": _REASONS[status]})

    def _others(self, random: np.random.Generator, users: int) -> Iterator[_Deed]:
        calls = users / _SECONDS_PER_CALL * self._share
        for event_type, per_call, by_seller in _FREQUENCIES:
            for _ in range(random.poisson(calls * per_call)):
                yield _Deed(event_type, _told(random, event_type), by_seller)


def _told(random: np.random.Generator, event_type: str) -> dict[str, Any]:
    if event_type == "FEATURE_USED":
        return {"feature": _pick(random, _FEATURES)}
    if event_type == "PAGE_VIEW":
        return {"page": _pick(random, _PAGES)}
    return _product(random) if event_type.startswith("PRODUCT_") else {}


def _product(random: np.random.Generator) -> dict[str, Any]:
    name = f"{_pick(random, _WOODS)} {_pick(random, _THINGS)}"
    return {"product_id": f"sku-{random.integers(1000, 5000)}", "details": name}


def _pick(random: np.random.Generator, choices: tuple[str, ...]) -> str:
    # More often one of the first than one of the last.
    return choices[int(len(choices) * random.random() ** 1.5)]


def _event(deed: _Deed, person: Person, event_id: str, time_ms: int) -> ShopEvent:
    whence = {"ip_address": person.ip_address, "user_agent": person.user_agent}
    return ShopEvent(
        event_type=deed.event_type,
        event_id=event_id,
        timestamp=time_ms,
        user_id=person.user_id,
        session_id=person.session_id,
        organization_id=person.organization_id,
        metadata={**deed.metadata, **whence, "source": "demo"},
    )
