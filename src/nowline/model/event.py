"""One thing that somebody did, as it is kept: masked, and with the time it happened."""

from __future__ import annotations

import msgspec

API_CALL = "API_CALL"
USER_LOGIN = "USER_LOGIN"
USER_LOGOUT = "USER_LOGOUT"
USER_REGISTERED = "USER_REGISTERED"
PRODUCT_CREATED = "PRODUCT_CREATED"
PRODUCT_UPDATED = "PRODUCT_UPDATED"
PRODUCT_DELETED = "PRODUCT_DELETED"
ERROR = "ERROR"
TASK_FAILED = "TASK_FAILED"


class CorruptEventsError(ValueError):
    """The bytes are not events."""


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event.

    Attributes:
        event_type: What happened, `USER_LOGIN` for example.
        time: When, epoch milliseconds.
        event_id: Tells it from every other one.
        user_id: Who did it.
        organization_id: On whose behalf.
        session_id: In which session.
        metadata: A JSON object with everything else.
        status: Of an API call, the HTTP status.
        endpoint: Of an API call, the route.
        feature: The feature that was used.
    """

    event_type: str
    time: int
    event_id: str
    user_id: str | None = None
    organization_id: str | None = None
    session_id: str | None = None
    metadata: str = "{}"
    status: int | None = None
    endpoint: str | None = None
    feature: str | None = None

    @property
    def is_server_error(self) -> bool:
        """Whether it is an API call that the server failed at."""
        return self.event_type == API_CALL and self.status is not None and self.status >= 500


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """What came in at once, as it rides the log beside the metrics that it yields.

    Attributes:
        events: The events.
        keys: By what they, and task executions, are known as repeated for a day.
    """

    events: list[Event]
    keys: list[int]

    def encode(self) -> bytes:
        """All of it as bytes."""
        return _encoder.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> Happened:
        """What `encode` wrote.

        Raises:
            CorruptEventsError: The bytes are something else.
        """
        try:
            return _decoder.decode(raw)
        except msgspec.DecodeError as error:
            raise CorruptEventsError(
                "events in the log are not what their checksum says"
            ) from error


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Happened)
