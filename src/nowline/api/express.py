"""A short way for plain requests to the doors, and questions: no task, no framework, one write.

A program that reports single points sends thousands of small requests a second. On their way
through the server, the framework's edge and a task each they cost several times what is done with
their rows (bench/ingest). One that is nothing special is answered from here instead: the same
key, the same limits, the same decoder, the same answer. Everything else takes the long way.

So does a question whose answer takes no waiting (bench/query): who asks, and for what, is looked at
in the same way, and what is to be waited for, refused or told in another form takes the long way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final, TypeAlias

import msgspec

from nowline.api.doors import Door, Sent
from nowline.api.guard import security_headers
from nowline.api.metrics import PATH as ASKING
from nowline.api.problems import problem_bytes
from nowline.api.questions import Questions, is_plain
from nowline.auth.policy import Action, allows
from nowline.auth.service import Auth
from nowline.collect.requests import RequestStats
from nowline.ingest.admission import Admission, Hold
from nowline.ingest.group_commit import SMALL_BYTES, Form, GroupCommit, Tell, Told
from nowline.model.user import Principal

MOST_BYTES: Final = 1 << 20
"""How long the body of a plain request may be."""
# The long way counts what it reads as held; here all of it together has a limit of its own.
_MOST_READING: Final = 32 << 20

_GOOD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
_HEAD_END: Final = b"\r\n\r\n"
# A program sends the same head each time; these few are looked at as a whole.
_MOST_HEADS: Final = 1024
_MOST_HEAD_BYTES: Final = 2 << 10

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Reply: TypeAlias = Callable[[bytes, bytes], None]
"""Writes an answer: status line and headers, each with its line end, and the body."""

# What is sent with one of these is read, unpacked, or answered in a way of its own.
_SPECIAL: Final = frozenset(
    {
        b"content-encoding",
        b"expect",
        b"transfer-encoding",
        b"upgrade",
        b"x-forwarded-proto",
    }
)


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a plain request says.

    Attributes:
        route: The path that it is sent to.
        door: The door; None for a question.
        principal: Whose key or token was sent.
        content_type: As the header has it.
        query: What stands after the `?`.
        length: How long the body is.
        form: How the body is read with others; None if it is not.
    """

    route: str
    door: Door | None
    principal: Principal
    content_type: str
    query: bytes
    length: int
    form: Form | None


class Parcel(msgspec.Struct):
    """A plain request, and what of its body is there.

    Attributes:
        head: What its head says.
        pieces: What of the body came in.
    """

    head: Head
    pieces: list[bytes]

    @property
    def body(self) -> bytes:
        """What of the body is there, in one piece."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)


class _Known(msgspec.Struct, frozen=True):
    """A head that was read before.

    Attributes:
        head: What it says.
        revision: Of the credentials, when it was read.
    """

    head: Head
    revision: int


class Express:
    """Answers plain requests to the doors.

    Args:
        doors: By path.
        questions: Answers questions.
        auth: Knows the keys and tokens.
        admission: Lets requests in.
        group: Takes rows in.
        stats: Counts requests.
    """

    def __init__(
        self,
        doors: Mapping[str, Door],
        questions: Questions,
        auth: Auth,
        admission: Admission,
        group: GroupCommit,
        stats: RequestStats,
    ) -> None:
        ways: dict[str, Door | None] = {**doors, ASKING: None}
        self._ways = {path.encode(): (path, door, _secured(path)) for path, door in ways.items()}
        self._questions = questions
        self._auth = auth
        self._admission = admission
        self._group = group
        self._stats = stats
        limits = admission.limits
        self._most = min(MOST_BYTES, limits.sent_bytes, limits.unpacked_bytes)
        self._reading = 0
        self._heads: dict[bytes, _Known] = {}
        self._default_headers: Headers = ()
        self._default_lines = b""

    def recall(self, data: bytes) -> Parcel | None:
        """A whole request whose head is one of those that were read before; else None.

        Args:
            data: What came in, beginning with a request.
        """
        end = data.find(_HEAD_END)
        known = self._heads.get(data[:end])
        if known is None or len(data) - end - len(_HEAD_END) != known.head.length:
            return None
        if known.revision != self._auth.revision:
            del self._heads[data[:end]]
            return None
        return Parcel(known.head, [data[end + len(_HEAD_END) :]])

    def remember(self, data: bytes, parcel: Parcel) -> None:
        """Know the head of a request again, if that is what came in and nothing else."""
        end = data.find(_HEAD_END)
        is_whole = len(data) - end - len(_HEAD_END) == parcel.head.length
        # The time of a token runs out by itself.
        is_lasting = parcel.head.principal.session_id is None
        if not 0 < end <= _MOST_HEAD_BYTES or not is_whole or not is_lasting:
            return
        if len(self._heads) >= _MOST_HEADS:
            self._heads = {}
        self._heads[data[:end]] = _Known(parcel.head, self._auth.revision)

    def parcel(self, target: bytes, headers: Headers) -> Parcel | None:
        """A POST with these headers as a plain request; None if it has to take the long way.

        Whoever got one calls `release` when no more of its body is read.

        Args:
            target: Path and query, as sent.
            headers: Names in lower case, and values.
        """
        path, _, query = target.partition(b"?")
        found = self._ways.get(path)
        if found is None:
            return None
        # Of a header that is sent twice the first counts, as elsewhere.
        sent = dict(reversed(headers))
        announced = sent.get(b"content-length", b"")
        length = int(announced) if announced.isdigit() else MOST_BYTES + 1
        if length > self._most or self._reading + length > _MOST_READING:
            return None
        if not _SPECIAL.isdisjoint(sent):
            return None
        route, door, _ = found
        principal = self._auth.known(sent.get(b"authorization", b"").decode("latin-1"))
        action = Action.READ if door is None else Action.INGEST
        if principal is None or allows(principal, action) is not None:
            return None
        if door is None and not is_plain(sent):
            return None
        content_type = sent.get(b"content-type", b"").decode("latin-1")
        self._reading += length
        form = door.form(content_type, query) if door and length <= SMALL_BYTES else None
        return Parcel(Head(route, door, principal, content_type, query, length, form), [])

    def default_lines(self, headers: Headers) -> bytes:
        """The lines of the headers that each answer has, which are another list each second."""
        if headers is not self._default_headers:
            self._default_headers = headers
            self._default_lines = b"".join(b"%b: %b\r\n" % each for each in headers)
        return self._default_lines

    def release(self, parcel: Parcel) -> None:
        """Count no longer what was announced of a body."""
        self._reading -= parcel.head.length

    def take(self, parcel: Parcel, reply: Reply) -> bool:
        """Answer a request whose body is all there, now or later, by one call of `reply`.

        Returns:
            False if it has to take the long way; `reply` is not called then.
        """
        if parcel.head.door is None:
            return self._answer(parcel, reply)
        self._take_in(parcel, parcel.head.door, reply)
        return True

    def _answer(self, parcel: Parcel, reply: Reply) -> bool:
        began = time.perf_counter()
        body = self._questions.answer(parcel.body)
        if body is None:
            return False
        reply(_GOOD % len(body) + self._secured_lines(parcel.head), body)
        self._stats.observe(parcel.head.route, "POST", 200, time.perf_counter() - began)
        return True

    def _take_in(self, parcel: Parcel, door: Door, reply: Reply) -> None:
        began = time.perf_counter()
        head = parcel.head
        hold: Hold | None = None

        def tell(told: Told) -> None:
            if hold is not None:
                self._admission.leave(hold, told if isinstance(told, Exception) else None)
            status, headers, body = _answered(door, told)
            lines = _head(status, tuple(headers.items()), len(body))
            reply(lines + self._secured_lines(head), body)
            self._stats.observe(head.route, "POST", status, time.perf_counter() - began)

        try:
            hold = self._admission.admit(head.principal.id)
            hold.grow(head.length, head.length)
            self._submit(head, door, parcel.body, tell)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged if unexpected
            tell(error)

    def _submit(self, head: Head, door: Door, body: bytes, tell: Tell) -> None:
        if head.form is not None:
            self._group.submit_body(head.form, body, tell)
            return
        sent = Sent(body, head.content_type, head.query)
        self._group.submit(door.decode(sent, self._group.now_ms()), tell)

    def _secured_lines(self, head: Head) -> bytes:
        """The lines of the headers that every answer at this path has."""
        return self._ways[head.route.encode()][2]


def _answered(door: Door, told: Told) -> tuple[int, Mapping[str, str], bytes]:
    if isinstance(told, Exception):
        return problem_bytes(told)
    try:
        answer = door.answer(told)
    except Exception as error:  # noqa: BLE001 - as above
        return problem_bytes(error)
    return answer.status, answer.headers, answer.body


def _secured(path: str) -> bytes:
    """The headers that every answer at this path has."""
    headers = security_headers({"path": path, "scheme": "http"})
    return b"".join(b"%b: %b\r\n" % each for each in headers)


# Most answers are the same.
@lru_cache(128)
def _head(status: int, headers: tuple[tuple[str, str], ...], length: int) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status != HTTPStatus.NO_CONTENT:  # RFC 9110, section 8.6
        lines.append(f"content-length: {length}")
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")
