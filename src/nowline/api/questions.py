"""Questions about metrics that are answered at once: what they ask for is at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from nowline.api.body import decode
from nowline.api.metrics import answer_bytes, prefers_csv
from nowline.model.query import Query
from nowline.query.engine import Engine

_JSON = b"application/json"


class Questions:
    """Answers questions that nothing has to be waited for.

    Args:
        engine: Knows what is at hand.
        is_caught_up: Whether everything that was acknowledged is to be seen.
    """

    def __init__(self, engine: Engine, is_caught_up: Callable[[], bool]) -> None:
        self._engine = engine
        self._is_caught_up = is_caught_up

    def answer(self, body: bytes) -> bytes | None:
        """The answer as JSON.

        Args:
            body: The query as it was sent.

        Returns:
            None if it has to be waited for, or the query is refused: the long way tells of that.
        """
        if not self._is_caught_up():
            return None
        began = time.perf_counter()
        try:
            answer = self._engine.ask_at_hand(decode(body, Query))
        except Exception:  # noqa: BLE001 - the long way tells of it, and logs it if unexpected
            return None
        return None if answer is None else answer_bytes(answer, began)


def is_plain(headers: Mapping[bytes, bytes]) -> bool:
    """Whether JSON is sent, and may be answered."""
    accept = headers.get(b"accept", b"").decode("latin-1")
    return headers.get(b"content-type", b"").lower() == _JSON and not prefers_csv(accept)
