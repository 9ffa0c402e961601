"""A small web shop, simulated second by second: a pure function of a seed and the time.

Each number has its cause in another: visitors make requests, requests succeed or fail,
successful ones are logins, registrations, new products and orders, orders bring revenue and
background tasks, tasks queue when workers fall behind. A slow database first lengthens
durations, then lets requests time out, then fills the queues.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowline.demo import rhythm
from nowline.demo.rhythm import Levels, Seconds

Counts = NDArray[np.int64]

HOUR_S = 3600
OBSERVED = 8
_SECONDS_PER_CALL = 5
_BASKET_SHAPE, _BASKET_SCALE_EUR = 2.2, 19.0
# Queues are followed from this many hours back, by when every queue has been empty.
_LOOKBACK_HOURS = 3


class Endpoint(NamedTuple):
    """One route of the shop's API. `share` is that of all requests.

    `database` in [0, 1] is how much of its time it spends there.
    """

    method: str
    path: str
    share: float
    success: int
    client_error: int
    client_error_share: float
    median_ms: float
    database: float


ENDPOINTS = (
    Endpoint("GET", "/api/products", 0.36, 200, 400, 0.002, 38, 0.8),
    Endpoint("GET", "/api/products/{id}", 0.27, 200, 404, 0.015, 24, 0.7),
    Endpoint("GET", "/api/search", 0.15, 200, 400, 0.004, 85, 1.0),
    Endpoint("GET", "/api/cart", 0.08, 200, 404, 0.001, 18, 0.5),
    Endpoint("GET", "/api/orders", 0.0225, 200, 404, 0.001, 60, 1.0),
    Endpoint("POST", "/api/cart", 0.07, 201, 409, 0.006, 32, 0.8),
    Endpoint("POST", "/api/login", 0.03, 200, 401, 0.07, 140, 0.4),
    Endpoint("POST", "/api/checkout", 0.012, 201, 402, 0.04, 310, 0.9),
    Endpoint("POST", "/api/register", 0.004, 201, 409, 0.05, 190, 0.6),
    Endpoint("POST", "/api/products", 0.0015, 201, 422, 0.02, 95, 0.9),
)
_ROUTES = [(endpoint.method, endpoint.path) for endpoint in ENDPOINTS]
LOGIN = _ROUTES.index(("POST", "/api/login"))
CHECKOUT = _ROUTES.index(("POST", "/api/checkout"))
REGISTER = _ROUTES.index(("POST", "/api/register"))
CREATE = _ROUTES.index(("POST", "/api/products"))
SERVER_ERRORS = (500, 503, 504)
REGIONS = {"north": 0.34, "south": 0.28, "east": 0.16, "west": 0.22}


class Work(NamedTuple):
    """A kind of background task: how many each order, registration and product brings."""

    task_type: str
    queue: str
    per_order: int
    per_registration: int
    per_product: int
    median_ms: float


WORK = (
    Work("send_email", "mail", 1, 1, 0, 220),
    Work("create_invoice", "documents", 1, 0, 0, 640),
    Work("resize_image", "media", 0, 0, 3, 1400),
    Work("update_stock", "catalogue", 1, 0, 1, 90),
)
_SHARES = np.array([endpoint.share for endpoint in ENDPOINTS])
_DATABASE = np.array([endpoint.database for endpoint in ENDPOINTS])
_CLIENT_ERRORS = np.array([endpoint.client_error_share for endpoint in ENDPOINTS])
_API_MS = np.array([endpoint.median_ms for endpoint in ENDPOINTS])
_TASK_MS = np.array([work.median_ms for work in WORK])
_PER_ORDER = np.array([work.per_order for work in WORK])
_PER_REGISTRATION = np.array([work.per_registration for work in WORK])
_PER_PRODUCT = np.array([work.per_product for work in WORK])


class World(NamedTuple):
    """What happened in the shop in each second of a stretch of time; axis 0 is time.

    Shapes: `answers` (time, endpoint, outcome) with the outcomes success, client error and
    the `SERVER_ERRORS`; `orders` and `revenue` (EUR) (time, region); `completed`, `failed` and
    `depth` (time, task type); `api_ms` and `task_ms` (time, endpoint or task type, `OBSERVED`)
    are durations of the first so many requests or tasks of that second, as many as there were.
    """

    seconds: Seconds
    users: Counts
    answers: Counts
    orders: Counts
    revenue: Levels
    completed: Counts
    failed: Counts
    depth: Counts
    api_ms: Levels
    task_ms: Levels


class _Trade(NamedTuple):
    """What an hour's visitors did, before any queue."""

    users: Counts
    answers: Counts
    arrivals: Counts
    capacity: Counts
    slowness: Levels
    deploy: Levels


class Shop:
    """The shop of one seed.

    Args:
        seed: Two shops of one seed are the same shop.
        rate: API calls per second, averaged over a week without campaigns.

    Raises:
        ValueError: The rate or the seed is out of range.
    """

    def __init__(self, seed: int, rate: float = 20.0) -> None:
        if not 0 < rate <= 100_000:
            raise ValueError(f"the rate must be above 0 and at most 100000, not {rate:g}")
        if seed < 0:
            raise ValueError(f"the seed must not be negative, but is {seed}")
        self._seed = seed
        self._rate = rate
        self._trades: dict[int, _Trade] = {}
        self._hours: dict[int, World] = {}

    @property
    def seed(self) -> int:
        """Which shop it is."""
        return self._seed

    @property
    def rate(self) -> float:
        """Its API calls per second on average."""
        return self._rate

    def world(self, start: int, end: int) -> World:
        """What happens in the seconds from `start` to before `end` (epoch seconds)."""
        parts = []
        for hour in range(start // HOUR_S, (end - 1) // HOUR_S + 1):
            first = hour * HOUR_S
            within = slice(max(start - first, 0), min(end - first, HOUR_S))
            parts.append(World._make(column[within] for column in self._hour(hour)))
        return World._make(np.concatenate(columns) for columns in zip(*parts, strict=True))

    def _hour(self, hour: int) -> World:
        if hour not in self._hours:
            self._hours = {old: self._hours[old] for old in self._hours if old == hour - 1}
            self._hours[hour] = self._simulate(hour)
        return self._hours[hour]

    def _trade(self, hour: int) -> _Trade:
        if hour not in self._trades:
            self._trades = {
                old: trade
                for old, trade in self._trades.items()
                if hour - _LOOKBACK_HOURS - 1 <= old <= hour + _LOOKBACK_HOURS
            }
            self._trades[hour] = self._draw_trade(hour)
        return self._trades[hour]

    def _random(self, hour: int, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream, hour])

    def _draw_trade(self, hour: int) -> _Trade:
        seconds = np.arange(hour * HOUR_S, (hour + 1) * HOUR_S)
        random = self._random(hour, 1)
        deploy = rhythm.total_strength(self._seed, rhythm.DEPLOY, seconds, ramp_s=5)
        slowness = rhythm.total_strength(self._seed, rhythm.SLOW_DATABASE, seconds, ramp_s=150)
        users = self._draw_users(seconds)
        calls = (users / _SECONDS_PER_CALL * (1 - 0.7 * deploy))[:, None] * _SHARES
        requests = random.poisson(calls)
        answers = self._draw_answers(random, seconds, requests, (deploy, slowness))
        succeeded = answers[:, :, 0]
        arrivals = (
            succeeded[:, CHECKOUT, None] * _PER_ORDER
            + succeeded[:, REGISTER, None] * _PER_REGISTRATION
            + succeeded[:, CREATE, None] * _PER_PRODUCT
        )
        workers = (1 - 0.95 * deploy) / (1 + 14 * slowness**2)
        capacity = random.poisson(workers[:, None] * self._task_capacity())
        return _Trade(users, answers, arrivals, capacity, slowness, deploy)

    def _task_capacity(self) -> Levels:
        """Tasks per second that the workers can do: more than twice a usual evening's."""
        capacity: Levels = (4.0 * self._rate) * (
            _SHARES[CHECKOUT] * _PER_ORDER
            + _SHARES[REGISTER] * _PER_REGISTRATION
            + _SHARES[CREATE] * _PER_PRODUCT
        )
        return capacity

    def _draw_users(self, seconds: Seconds) -> Counts:
        campaign = rhythm.total_strength(self._seed, rhythm.CAMPAIGN, seconds, ramp_s=900)
        noise = (
            1
            + 0.07 * rhythm.wander(self._seed, 1, seconds, 900)
            + 0.04 * rhythm.wander(self._seed, 2, seconds, 60)
            + 0.02 * rhythm.wander(self._seed, 3, seconds, 5)
        )
        level = self._rate * _SECONDS_PER_CALL * rhythm.rhythm(seconds) * noise
        return np.rint(level * (1 + 1.2 * campaign)).astype(np.int64)

    def _draw_answers(
        self,
        random: np.random.Generator,
        seconds: Seconds,
        requests: Counts,
        trouble: tuple[Levels, Levels],
    ) -> Counts:
        deploy, slowness = trouble
        chances = (
            self._burst(seconds) + 0.0012,
            np.broadcast_to(0.4 * deploy[:, None], requests.shape),
            # Timeouts begin only when the database is far slower than usual.
            0.45 * np.clip(slowness[:, None] - 0.3, 0, 1) * _DATABASE,
        )
        server_errors, left = [], requests
        for chance in chances:
            server_errors.append(random.binomial(left, chance))
            left = left - server_errors[-1]
        client_errors = random.binomial(left, np.broadcast_to(_CLIENT_ERRORS, left.shape))
        return np.stack([left - client_errors, client_errors, *server_errors], axis=2)

    def _burst(self, seconds: Seconds) -> Levels:
        """The chance of a 500 in an error burst; each burst strikes one endpoint."""
        chance = np.zeros((len(seconds), len(ENDPOINTS)))
        span = int(seconds[0]), int(seconds[-1]) + 1
        for burst in rhythm.incidents(self._seed, rhythm.ERROR_BURST, *span):
            struck = int(burst.pick * len(ENDPOINTS))
            chance[:, struck] += 0.35 * rhythm.strength(burst, seconds, ramp_s=20)
        return np.minimum(chance, 0.9)

    def _simulate(self, hour: int) -> World:
        trade = self._trade(hour)
        random = self._random(hour, 2)
        orders = _split(random, trade.answers[:, CHECKOUT, 0], tuple(REGIONS.values()))
        baskets = random.gamma(_BASKET_SHAPE * orders, _BASKET_SCALE_EUR)
        depth, completed = self._work_off(hour)
        failure = 0.008 + 0.25 * np.clip(trade.slowness - 0.4, 0, 1)
        failed = random.binomial(completed, np.broadcast_to(failure[:, None], completed.shape))
        slower = 1 + 8 * trade.slowness[:, None] * _DATABASE + 2 * trade.deploy[:, None]
        tasks_slower = np.broadcast_to(1 + 4 * trade.slowness[:, None], completed.shape)
        return World(
            seconds=np.arange(hour * HOUR_S, (hour + 1) * HOUR_S),
            users=trade.users,
            answers=trade.answers,
            orders=orders,
            revenue=np.round(baskets, 2),
            completed=completed,
            failed=failed,
            depth=depth,
            api_ms=_durations(self._random(hour, 3), _API_MS * slower, spread=0.45),
            task_ms=_durations(self._random(hour, 4), _TASK_MS * tasks_slower, spread=0.35),
        )

    def _work_off(self, hour: int) -> tuple[Counts, Counts]:
        """Queue depth after, and tasks completed in, each second of an hour."""
        trades = [self._trade(past) for past in range(hour - _LOOKBACK_HOURS, hour + 1)]
        arrivals = np.concatenate([trade.arrivals for trade in trades])
        capacity = np.concatenate([trade.capacity for trade in trades])
        surplus = np.cumsum(arrivals - capacity, axis=0)
        depth = surplus - np.minimum(np.minimum.accumulate(surplus, axis=0), 0)
        before = np.concatenate([np.zeros_like(depth[:1]), depth[:-1]])
        completed = arrivals + before - depth
        return depth[-HOUR_S:], completed[-HOUR_S:]


def _split(random: np.random.Generator, totals: Counts, shares: tuple[float, ...]) -> Counts:
    """Each total dealt out at random by the shares, one column each."""
    columns, left, share_left = [], totals, 1.0
    for share in shares[:-1]:
        columns.append(random.binomial(left, share / share_left))
        left, share_left = left - columns[-1], share_left - share
    return np.stack([*columns, left], axis=1)


def _durations(random: np.random.Generator, medians: Levels, spread: float) -> Levels:
    """Log-normal durations in ms around the medians, with a new last axis of `OBSERVED`."""
    normal = random.standard_normal((*medians.shape, OBSERVED), dtype=np.float32)
    observed: Levels = np.round(medians[:, :, None] * np.exp(spread * normal), 2)
    return observed
