"""All that is asked: the targets of the settings, each with what asks it."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, Protocol

from nowline.clock import Clock
from nowline.collect.postgres import Postgres, PostgresAsked
from nowline.collect.redis import Redis, RedisAsked
from nowline.collect.scrape import Scrape, Scraped
from nowline.collect.targets import Follower, Sink, Target


class Collected(Protocol):
    """What the settings say of all targets."""

    @property
    def prometheus(self) -> Sequence[Scraped]: ...  # noqa: D102

    @property
    def postgres(self) -> Sequence[PostgresAsked]: ...  # noqa: D102

    @property
    def redis(self) -> Sequence[RedisAsked]: ...  # noqa: D102


def follow(collected: Collected, sink: Sink, clock: Clock) -> list[Coroutine[Any, Any, None]]:
    """What asks each target until it is cancelled."""
    return [Follower(target, sink, clock).run() for target in _targets(collected)]


def _targets(collected: Collected) -> Iterator[Target]:
    yield from map(Scrape, collected.prometheus)
    yield from map(Postgres, collected.postgres)
    yield from map(Redis, collected.redis)
