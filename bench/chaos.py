"""Kill the server, and the Redis of its log, at random moments under load, and count.

`python -m bench.chaos [--rounds N] [--redis-rounds N] [--live N] [--seed N]`: what was acknowledged
must be there, once; what was refused with a 503 is sent again until it is acknowledged; of what
nobody answered, all or nothing may be there. In the rounds of `--live`, viewers lose their
connections meanwhile (`bench.live_chaos`): what they hold must be what there is. It exits with 1 if
any of that does not hold.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.live_chaos import live
from bench.product import INGEST_KEY, Product
from bench.redis_process import RedisProcess

_POSTERS = 4
_SECONDS = 600
_LARGE = 5_000
_MOST_ACKS = 60
_MOST_WAIT_S = 0.3
_VISIBLE_S = 10

Batch = tuple[int, int, int]
"""Which one it is: round, poster, and the second of the past in which its rows are."""
Content = tuple[int, int]
"""How many rows it has, and what they add up to."""


@dataclass
class Ledger:
    """What became of everything that was sent."""

    acknowledged: dict[Batch, Content] = field(default_factory=dict)
    unanswered: dict[Batch, Content] = field(default_factory=dict)
    refused: int = 0
    news: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@dataclass
class Counts:
    """What a run counted."""

    rounds: int = 0
    batches: int = 0
    rows: int = 0
    missing: int = 0
    twice: int = 0
    torn: int = 0
    unanswered: int = 0
    unanswered_kept: int = 0
    refused_and_sent_again: int = 0

    @property
    def is_well(self) -> bool:
        """Whether nothing is missing, there twice, or there in part."""
        return not (self.missing or self.twice or self.torn)

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in vars(self).items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="of killing the server")
    parser.add_argument("--redis-rounds", type=int, default=50, help="of killing Redis")
    parser.add_argument("--live", type=int, default=40, help="of viewers that come and go")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.live and not _live(asked.live, asked.seed):
        return 1
    counted = []
    if asked.rounds:
        counted.append(_embedded(asked.rounds, random.Random(asked.seed)))
    if asked.redis_rounds:
        counted.append(_redis(asked.redis_rounds, random.Random(asked.seed)))
    return 0 if all(counts.is_well for counts in counted) else 1


def _live(rounds: int, seed: int) -> bool:
    """Viewers that come and go; whether each held what there is."""
    with tempfile.TemporaryDirectory() as folder:
        return live(rounds, seed, Path(folder))


def _embedded(rounds: int, chance: random.Random) -> Counts:
    """The embedded log: the server is killed in each round."""
    with tempfile.TemporaryDirectory() as folder:
        run = _Run("embedded log, server killed", Path(folder), chance)
        return run.all(rounds, lambda _: run.crash())


def _redis(rounds: int, chance: random.Random) -> Counts:
    """The log in Redis: it is killed in each round, and every fourth time the server too."""
    with tempfile.TemporaryDirectory() as folder, RedisProcess() as redis:
        run = _Run("log in Redis, Redis killed", Path(folder), chance, NOWLINE_BUS_URL=redis.url)

        def kill(number: int) -> None:
            redis.kill()
            if number % 4 == 3:
                run.kill()
            time.sleep(chance.uniform(0, _MOST_WAIT_S))
            redis.start()
            if number % 4 == 3:
                run.start()

        return run.all(rounds, kill)


class _Run:
    """One server, killed and started again on one folder."""

    def __init__(self, name: str, folder: Path, chance: random.Random, **settings: str) -> None:
        self._name = name
        self._folder = folder
        self._chance = chance
        self._settings = settings
        self._base = (int(time.time()) // 60 * 60 - _SECONDS - 60) * 1000
        self._ledger = Ledger()
        self._counts = Counts()
        self._is_over = threading.Event()
        self.start()
        self._key = self._server.reader_key()

    def start(self) -> None:
        """Start the server."""
        self._server = Product(self._folder, more=self._settings)

    def kill(self) -> None:
        """Kill the server, and let nobody send any more until the round is over."""
        self._server.kill()

    def crash(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()

    def all(self, rounds: int, harm: Callable[[int], None]) -> Counts:
        """All rounds; the end is checked again after an orderly restart."""
        for number in range(rounds):
            self._round(number, harm)
            self._tell(number + 1)
        self._server.stop()
        self.start()
        self._count(range(rounds))
        self._server.stop()
        print(f"{self._name}: {self._counts}", flush=True)
        return self._counts

    def _round(self, number: int, harm: Callable[[int], None]) -> None:
        self._is_over.clear()
        with ThreadPoolExecutor(_POSTERS) as pool:
            posting = [pool.submit(self._post, number, poster) for poster in range(_POSTERS)]
            for _ in range(self._chance.randint(1, _MOST_ACKS)):
                self._ledger.news.acquire(timeout=60)
            time.sleep(self._chance.uniform(0, _MOST_WAIT_S))
            harm(number)
            self._is_over.set()
            for each in posting:
                each.result()
        self._count([number])

    def _post(self, number: int, poster: int) -> None:
        """Send until the server is gone or the round is over."""
        headers = {"authorization": f"Bearer {INGEST_KEY}"}
        with httpx.Client(base_url=self._server.url, headers=headers, timeout=60) as client:
            for batch, content, rows in _batches(number, poster, self._base):
                try:
                    self._send(client, rows)
                except httpx.TransportError:
                    self._ledger.unanswered[batch] = content
                    return
                self._ledger.acknowledged[batch] = content
                self._ledger.news.release()
                if self._is_over.is_set():
                    return

    def _send(self, client: httpx.Client, rows: list[dict[str, Any]]) -> None:
        while (answer := client.post("/api/v1/ingest/metrics", json=rows)).status_code == 503:
            self._ledger.refused += 1
            time.sleep(0.1)
        assert (answer.status_code, answer.json()["accepted"]) == (202, len(rows)), answer.text

    def _count(self, rounds: Sequence[int]) -> None:
        """Compare what is there of some rounds with what was acknowledged.

        Raises:
            SystemExit: They differ, and not only because the newest is yet to be seen.
        """
        until = time.monotonic() + _VISIBLE_S
        while True:
            self._counts = _counted(self._ledger, self._found(rounds), rounds)
            if self._counts.is_well:
                return
            if time.monotonic() > until:
                print(f"{self._name}, rounds {rounds}: {self._counts}", flush=True)
                raise SystemExit(1)
            time.sleep(0.2)

    def _found(self, rounds: Sequence[int]) -> dict[Batch, Content]:
        """What is there of some rounds."""
        headers = {"authorization": f"Bearer {self._key}"}
        found: dict[Batch, Content] = {}
        with httpx.Client(base_url=self._server.url, headers=headers, timeout=60) as client:
            for number in rounds:
                counts, sums = (_ask(client, self._base, number, of) for of in ("count", "sum"))
                found |= {batch: (int(counts[batch]), int(sums[batch])) for batch in counts}
        return found

    def _tell(self, done: int) -> None:
        if done % 10 == 0:
            batches = len(self._ledger.acknowledged)
            print(f"{self._name}: {done} rounds, {batches:,} batches so far", flush=True)


def _counted(ledger: Ledger, found: dict[Batch, Content], rounds: Sequence[int]) -> Counts:
    chosen = set(rounds)
    counts = Counts(rounds=len(rounds), refused_and_sent_again=ledger.refused)
    for batch, content in ledger.acknowledged.items():
        if batch[0] in chosen:
            counts.batches += 1
            counts.rows += content[0]
            _judge(counts, content, found.pop(batch, (0, 0)))
    for batch, content in ledger.unanswered.items():
        if batch[0] in chosen:
            counts.unanswered += 1
            if batch in found:
                counts.unanswered_kept += 1
                _judge(counts, content, found.pop(batch))
    # Nobody sent the rest.
    counts.twice += len(found)
    return counts


def _judge(counts: Counts, sent: Content, found: Content) -> None:
    if found == sent:
        return
    if found == (0, 0):
        counts.missing += 1
    elif found[0] >= 2 * sent[0]:
        counts.twice += 1
    else:
        counts.torn += 1


def _batches(
    number: int, poster: int, base: int
) -> Iterator[tuple[Batch, Content, list[dict[str, Any]]]]:
    """Small batches, and now and then a large one, each in a second of its own."""
    chance = random.Random(1_000 * number + poster)
    for second in range(_SECONDS):
        size = _LARGE if (second + poster) % 9 == 4 else chance.randint(1, 20)
        values = [chance.randint(0, 1_000) for _ in range(size)]
        start = base + second * 1000
        tags = {"round": str(number), "poster": str(poster)}
        rows = [
            {"name": "chaos", "value": value, "time": start + i % 1000, "tags": tags}
            for i, value in enumerate(values)
        ]
        yield (number, poster, second), (size, sum(values)), rows


def _ask(client: httpx.Client, base: int, number: int, aggregation: str) -> dict[Batch, float]:
    query = {
        "metric_name": "chaos",
        "time_range": {"start": base, "end": base + _SECONDS * 1000},
        "aggregation": aggregation,
        "interval": "1s",
        "filters": {"round": str(number)},
        "group_by": ["poster"],
        "max_points": _SECONDS,
    }
    answer = client.post("/api/v1/metrics/query", json=query).raise_for_status()
    return {
        (number, int(point["tags"]["poster"]), _second(point["timestamp"], base)): point["value"]
        for point in answer.json()["data"]
    }


def _second(timestamp: str, base: int) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp()) - base // 1000


if __name__ == "__main__":
    sys.exit(main())
