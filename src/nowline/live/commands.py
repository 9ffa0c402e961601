"""What clients ask for: messages of a WebSocket, parameters of the other transports. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from nowline.errors import Code, FieldError, NowlineError, invalid
from nowline.live.channel import LIVE_MS
from nowline.live.frames import FrameId
from nowline.model.query import Aggregation, Query, TimeRange

INTERVALS_MS = {
    "live": LIVE_MS,
    "1s": 1_000,
    "5s": 5_000,
    "30s": 30_000,
    "1m": 60_000,
    "1h": 3_600_000,
    "1d": 86_400_000,
}
_MOST_NAME = 255
# A refusal quotes what was sent, but not all of it.
_MOST_DETAIL = 300
_NAMED = re.compile("field `([^`]+)`")


class Subscribe(msgspec.Struct, tag="subscribe", forbid_unknown_fields=True):
    """Watch a query, the catalogue, or some metrics each under its own name."""

    id: str | None = None
    query: Query | None = None
    metrics: list[str] | None = None
    catalogue: bool = False
    interval: str = "1s"
    since: str | None = None


class Unsubscribe(msgspec.Struct, tag="unsubscribe", forbid_unknown_fields=True):
    """Stop watching."""

    id: str | None = None
    metrics: list[str] | None = None


class Ping(msgspec.Struct, tag="ping", forbid_unknown_fields=True):
    """Ask for a sign of life."""


Command = Subscribe | Unsubscribe | Ping


class _Listed(msgspec.Struct, forbid_unknown_fields=True):
    """A subscription in a list of them, where its type goes without saying."""

    id: str
    type: str = "subscribe"
    query: Query | None = None
    catalogue: bool = False
    interval: str = "1s"
    since: str | None = None


class _Named(msgspec.Struct):
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One channel that a client wants under a name; no query means the catalogue."""

    name: str
    query: Query | None
    interval_ms: int
    since: FrameId | None = None


_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_pings = msgspec.json.Decoder(Ping)
_named = msgspec.json.Decoder(_Named)
_listed = msgspec.json.Decoder(list[_Listed])


def parse_command(text: str | bytes) -> Command:
    """A client's message.

    Raises:
        NowlineError: INVALID when it is not one.
    """
    try:
        return _commands.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _misunderstood(error, "") from error


def parse_ping(text: str | bytes) -> Ping:
    """A client's message where there is nothing to subscribe to.

    Raises:
        NowlineError: INVALID when it is something else.
    """
    try:
        return _pings.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _misunderstood(error, "") from error


def name_of(text: str | bytes) -> str | None:
    """The `id` of a message that is not understood, so that its refusal can carry it."""
    try:
        name = _named.decode(text).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if name is None else name[:_MOST_NAME]


def wanted(command: Subscribe) -> list[Wanted]:
    """The channels that a subscribe message asks for.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    asked = [command.query is not None, command.metrics is not None, command.catalogue]
    if sum(asked) != 1:
        raise invalid("query", "give one of `query`, `metrics` and `catalogue`")
    since = None
    if command.since is not None:
        # What is no id of ours cannot be continued: the client is told by a reset.
        since = FrameId.parse(command.since) or FrameId("", 0)
    if command.metrics is not None:
        of_each = of_metrics(command.metrics, command.interval, Aggregation.AVG)
        return [replace(wanted, since=since) for wanted in of_each]
    if command.id is None:
        raise invalid("id", "is missing")
    return [Wanted(_name("id", command.id), command.query, interval(command.interval), since)]


def of_metrics(metrics: Sequence[str], every: str, aggregation: Aggregation) -> list[Wanted]:
    """A channel for each metric, under its name, over the last five minutes.

    Raises:
        NowlineError: INVALID with the field at fault.
    """
    if not metrics:
        raise invalid("metrics", "must name at least one metric")
    milliseconds = interval(every)
    return [
        Wanted(_name("metrics", name), Query(name, TimeRange(last="5m"), aggregation), milliseconds)
        for name in dict.fromkeys(metrics)
    ]


def listed(text: str) -> list[Wanted]:
    """The channels of a JSON list of subscriptions, as polls and event streams carry it.

    Raises:
        NowlineError: INVALID when it is not such a list.
    """
    try:
        subscriptions = _listed.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _misunderstood(error, "subscriptions") from error
    if not subscriptions or any((s.query is None) != s.catalogue for s in subscriptions):
        raise invalid("subscriptions", "each must have an `id` and either `query` or `catalogue`")
    if len({s.id for s in subscriptions}) < len(subscriptions):
        raise invalid("subscriptions", "each must have an `id` of its own")
    return [
        Wanted(_name("subscriptions", s.id), s.query, interval(s.interval)) for s in subscriptions
    ]


def interval(text: str) -> int:
    """Milliseconds of a refresh interval.

    Raises:
        NowlineError: INVALID when it is not one of those there are.
    """
    milliseconds = INTERVALS_MS.get(text)
    if milliseconds is None:
        raise invalid("interval", f"`{text[:40]}` is not one of {', '.join(INTERVALS_MS)}")
    return milliseconds


def fingerprint(keys: Sequence[str]) -> str:
    """Stands for a list of channels in a stream's id."""
    return f"{zlib.crc32(chr(0).join(keys).encode()):x}"


def _name(field: str, name: str) -> str:
    if not 1 <= len(name) <= _MOST_NAME:
        raise invalid(field, f"must have from 1 to {_MOST_NAME} characters")
    return name


def _misunderstood(error: Exception, within: str) -> NowlineError:
    """The refusal of what the decoder could not read, with the place that it names."""
    text = str(error)[:_MOST_DETAIL]
    message, _, path = text.partition(" - at `$")
    named = _NAMED.search(message)
    field = ".".join(filter(None, (path.strip("`."), named[1] if named else "")))
    field = f"{within}{field}" if field.startswith("[") else field or within
    errors = (FieldError(message, field=field),) if field else ()
    return NowlineError(Code.INVALID, f"The message is not understood: {text}.", errors=errors)
