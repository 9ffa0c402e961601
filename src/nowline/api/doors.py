"""Doors whose rows are counted as they come: how each reads a body, and how it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request, Response

from nowline.api.sent import sent_body
from nowline.ingest.columns import Columns
from nowline.ingest.group_commit import Form, GroupCommit
from nowline.ingest.service import Outcome

JSON: Final = "application/json"
# From here on a thread is worth its while: others are served meanwhile.
_LONG_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent to a door.

    Attributes:
        body: The body, unpacked.
        content_type: As the header has it; empty if there is none.
        query: What stands after the `?`.
    """

    body: bytes
    content_type: str
    query: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door says when the rows are durable; without a body it is of no type."""

    status: int
    body: bytes = b""

    @property
    def headers(self) -> Mapping[str, str]:
        """What the body is."""
        return {"content-type": JSON} if self.body else {}


@dataclass(frozen=True, slots=True)
class Door:
    """A way in.

    Attributes:
        decode: The rows of what was sent, those without a time having the one that is given;
            raises `NowlineError`.
        answer: What to say; raises `NowlineError`.
        form: How a small body is read with others, given type and query; None if it is not.
    """

    decode: Callable[[Sent, int], Columns]
    answer: Callable[[Outcome], Answer]
    form: Callable[[str, bytes], Form | None] = lambda _content_type, _query: None

    async def take(self, request: Request[Any, Any, Any], group: GroupCommit) -> Response[Any]:
        """Take in what a request has.

        Raises:
            NowlineError: As `sent_body`, `decode`, `GroupCommit.accept` and `answer`.
        """
        content_type = request.headers.get("content-type", "")
        sent = Sent(await sent_body(request), content_type, request.scope["query_string"])
        columns = await self._decoded(sent, group.now_ms())
        answer = self.answer(await group.accept(columns))
        return Response(answer.body or None, status_code=answer.status, media_type=JSON)

    async def _decoded(self, sent: Sent, now_ms: int) -> Columns:
        if len(sent.body) < _LONG_BYTES:
            return self.decode(sent, now_ms)
        return await asyncio.to_thread(self.decode, sent, now_ms)
