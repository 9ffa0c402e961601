"""Events through crashes: whoever sends again until it is accepted has each event counted once."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from asking import ask
from polling import eventually
from running import Server

ROUNDS = 4
SENDERS = 4
FEWEST_BATCHES = 25


class Sender:
    """Sends batches until a kill, then again from the last one that was answered.

    What it sends again was accepted or not, in whole: nobody heard.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._chance = random.Random(number)
        self.unanswered: list[list[dict[str, Any]]] = []
        self._batches = 0
        self.ids: set[str] = set()

    def send_until_it_breaks(self, server: Server, answered: threading.Semaphore) -> None:
        """Until the server is gone; tells of each batch that was answered."""
        again = [*self.unanswered]
        with server.ingest() as client, suppress(httpx.TransportError):
            while True:
                self.send(client, again.pop() if again else self._next())
                answered.release()

    def send(self, client: httpx.Client, batch: list[dict[str, Any]]) -> None:
        """Send a batch; now and then it is sent again later, as if the answer had been lost."""
        answer = client.post("/api/v1/ingest/events", json=batch)
        assert answer.json() == {"accepted": len(batch), "rejected": []}
        self.ids |= {event["event_id"] for event in batch}
        if self._chance.random() > 0.2:
            self.unanswered.remove(batch)

    def _next(self) -> list[dict[str, Any]]:
        self._batches += 1
        base = f"{self._number}.{self._batches}"
        size = self._chance.randint(1, 40)
        batch = [{"event_type": "KILLED", "event_id": f"{base}.{n}"} for n in range(size)]
        self.unanswered.append(batch)
        return batch


def test_each_event_counts_once_however_often_it_is_sent(tmp_path: Path) -> None:
    senders = [Sender(number) for number in range(SENDERS)]
    with Server(tmp_path / "data") as server:
        for _ in range(ROUNDS):
            crash_while_sending(server, senders)
            server.start()
        with server.ingest() as client:
            for sender in senders:
                for batch in [*sender.unanswered]:
                    sender.send(client, batch)
        sent = set().union(*(sender.ids for sender in senders))
        with server.alice() as reader:
            eventually(lambda: len([*told(reader)]) >= len(sent))
            found = [*told(reader)]
            counted = ask(reader, "events", aggregation="sum", filters={"event_type": "KILLED"})
    assert len(found) == len(sent)
    assert set(found) == sent
    assert sum(point["value"] for point in counted) == len(sent)


def crash_while_sending(server: Server, senders: list[Sender]) -> None:
    answered = threading.Semaphore(0)
    with ThreadPoolExecutor(SENDERS) as pool:
        sending = [pool.submit(each.send_until_it_breaks, server, answered) for each in senders]
        for _ in range(FEWEST_BATCHES):
            assert answered.acquire(timeout=30)
        server.kill()
    for each in sending:
        each.result()


def told(reader: httpx.Client) -> Iterator[str]:
    """The ids of all events, page by page."""
    cursor: dict[str, str] = {}
    while True:
        asked = {"event_type": "KILLED", "limit": "500", **cursor}
        page = reader.get("/api/v1/activity", params=asked).json()
        yield from (event["event_id"] for event in page["events"])
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}
