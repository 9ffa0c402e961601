"""The client that an application calls."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import ParamSpec, TypeVar, overload

from nowline_client.complaints import Complaints, Quiet
from nowline_client.connection import Connection
from nowline_client.delivery import Delivery
from nowline_client.sender import Sender
from nowline_client.tasks import Task
from nowline_client.waiting import Counts, Waiting
from nowline_client.wire import Event, Point, TaskRun, event_row, point_row, task_row

P = ParamSpec("P")
R = TypeVar("R")
Tag = str | int | float | bool | None
Identity = str | int | uuid.UUID | None


class Nowline:
    """Records metrics, events and task executions, and sends them from a thread of its own.

    No method raises because of what it is given or of the server, and none but `flush` and `close`
    waits for anything. What cannot be delivered is kept, up to `max_queue` rows of each kind; then
    the oldest go. The first warning of each kind is in the log `nowline_client`.

    A forked process starts with nothing waiting: what was recorded before is sent by its parent.

    Args:
        url: The server's address, like `http://127.0.0.1:8000`.
        key: An API key with the scope `ingest`.
        flush_interval: Seconds between two requests to the server.
        max_queue: How many points, events and task executions may wait, each.
        timeout: Seconds that the server may take to answer.
        exit_timeout: Seconds that `close`, and so the end of the process, may take to deliver.

    Attributes:
        exit_timeout: As given.

    Raises:
        ValueError: If the address, the key or a number cannot be meant.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        flush_interval: float = 1.0,
        max_queue: int = 100_000,
        timeout: float = 10.0,
        exit_timeout: float = 2.0,
    ) -> None:
        if flush_interval <= 0 or timeout <= 0 or max_queue < 1 or exit_timeout < 0:
            raise ValueError("flush_interval and timeout must be more than 0, max_queue at least 1")
        self._connect = functools.partial(Connection, url, key, timeout)
        self._flush_interval = flush_interval
        self._max_queue = max_queue
        self.exit_timeout = exit_timeout
        self._before_flush: list[Callable[[], None]] = []
        self._open()
        atexit.register(self.close)
        _reopen_after_fork(self)

    def count(self, name: str, /, n: float = 1, **tags: Tag) -> None:
        """Add to a counter. What one series gets within a flush interval is sent as one point."""
        with self._quiet:
            self._counts.add((name, tuple(tags.items())), n)

    def gauge(self, name: str, value: float, /, **tags: Tag) -> None:
        """Set a level: a queue's length, a temperature."""
        with self._quiet:
            self._points.add(Point("gauge", name, value, tags, time.time_ns() // 1_000_000))

    def observe(self, name: str, value: float, /, **tags: Tag) -> None:
        """Add one observation to a distribution, of which percentiles can be asked."""
        with self._quiet:
            self._points.add(Point("distribution", name, value, tags, time.time_ns() // 1_000_000))

    def event(
        self,
        event_type: str,
        /,
        *,
        user_id: Identity = None,
        organization_id: Identity = None,
        session_id: Identity = None,
        timestamp: datetime | None = None,
        event_id: str | None = None,
        **metadata: object,
    ) -> None:
        """Record that something happened.

        Args:
            event_type: `USER_LOGIN`, `PRODUCT_CREATED`, `PAGE_VIEW`, `ERROR` or a name of yours.
            user_id: Who did it.
            organization_id: For which organization.
            session_id: In which session.
            timestamp: When, with a time zone; now if None.
            event_id: Counts once, however often it is sent; a new one if None.
            **metadata: What else is known: `endpoint`, `feature`, `details` and so on. Values are
                read when they are sent: do not change them afterwards.
        """
        with self._quiet:
            at = time.time_ns() // 1_000_000 if timestamp is None else _epoch_ms(timestamp)
            self._events.add(
                Event(event_type, user_id, organization_id, session_id, at, event_id, metadata)
            )

    def track(
        self,
        feature: str,
        /,
        *,
        user_id: Identity = None,
        organization_id: Identity = None,
        session_id: Identity = None,
        **metadata: object,
    ) -> None:
        """Record that somebody used a feature."""
        metadata["feature"] = feature
        self._did("FEATURE_USED", user_id, organization_id, session_id, metadata)

    def login(
        self,
        user_id: Identity,
        /,
        *,
        organization_id: Identity = None,
        session_id: Identity = None,
        **metadata: object,
    ) -> None:
        """Record that a user signed in."""
        self._did("USER_LOGIN", user_id, organization_id, session_id, metadata)

    def logout(
        self,
        user_id: Identity,
        /,
        *,
        organization_id: Identity = None,
        session_id: Identity = None,
        **metadata: object,
    ) -> None:
        """Record that a user signed out."""
        self._did("USER_LOGOUT", user_id, organization_id, session_id, metadata)

    def registered(
        self,
        user_id: Identity,
        /,
        *,
        organization_id: Identity = None,
        session_id: Identity = None,
        **metadata: object,
    ) -> None:
        """Record that a user registered."""
        self._did("USER_REGISTERED", user_id, organization_id, session_id, metadata)

    @overload
    def task(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def task(
        self,
        task_type: str | None = None,
        /,
        *,
        queue: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> Task: ...

    def task(
        self,
        subject: Callable[P, R] | str | None = None,
        /,
        *,
        queue: str | None = None,
        context: Mapping[str, object] | None = None,
    ) -> Callable[P, R] | Task:
        """Measure executions: `@nl.task`, `@nl.task("nightly")` or `with nl.task("nightly"):`.

        Recorded are start and end, CPU time over duration, resident memory at the end and, where it
        raises, the reason. The error goes on to the caller.

        Args:
            subject: The function, sync or async, or the type of the task; the function's qualified
                name if there is none.
            queue: The queue it came from.
            context: What else is known about it.

        Raises:
            TypeError: If the function is a generator, whose execution ends with its reader's.
        """
        if subject is None or isinstance(subject, str):
            return Task(self.record_task, subject, queue=queue, context=context)
        return Task(self.record_task)(subject)

    def record_task(self, run: TaskRun, /) -> None:
        """Record one execution that was measured elsewhere."""
        with self._quiet:
            self._tasks.add(run)

    def before_flush(self, read: Callable[[], None]) -> None:
        """Call a function before each flush, in the sending thread, to set gauges.

        It must be quick and wait for nothing.
        """
        self._before_flush.append(read)

    @property
    def dropped(self) -> int:
        """How many rows were lost so far: pushed out, refused by the server, or unreadable."""
        return self._pushed_out() + sum(each.dropped for each in self._deliveries)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all that was recorded is delivered; False if that takes longer."""
        return self._sender.flush(timeout)

    def close(self) -> None:
        """Deliver what is recorded, within `exit_timeout`, and end; later calls do nothing."""
        atexit.unregister(self.close)
        self._sender.close(self.exit_timeout)
        lost = self.dropped + sum(len(each) for each in self._deliveries)
        if lost:
            self._complaints.once("end", "Nowline: %d rows were not delivered", lost)

    def __enter__(self) -> Nowline:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _did(
        self,
        event_type: str,
        user_id: Identity,
        organization_id: Identity,
        session_id: Identity,
        metadata: dict[str, object],
    ) -> None:
        with self._quiet:
            at = time.time_ns() // 1_000_000
            self._events.add(
                Event(event_type, user_id, organization_id, session_id, at, None, metadata)
            )

    def _open(self) -> None:
        self._complaints = Complaints()
        self._quiet = Quiet(self._complaints)
        self._counts = Counts(self._max_queue, self._wake)
        self._points: Waiting[Point] = Waiting(self._max_queue, self._wake)
        self._events: Waiting[Event] = Waiting(self._max_queue, self._wake)
        self._tasks: Waiting[TaskRun] = Waiting(self._max_queue, self._wake)
        self._deliveries = (
            Delivery("metrics", self._points, point_row, self._complaints),
            Delivery("events", self._events, event_row, self._complaints),
            Delivery("tasks", self._tasks, task_row, self._complaints),
        )
        self._connection = self._connect()
        self._sender = Sender(
            self._connection,
            self._deliveries,
            self._prepare,
            self._complaints,
            self._flush_interval,
        )

    def _reopen(self) -> None:
        self._connection.abandon()
        self._open()
        # A process of multiprocessing ends without Python's own end, but tells those listed here.
        if (util := sys.modules.get("multiprocessing.util")) is not None:
            util.register_after_fork(self, _close_with_process)

    def _wake(self, at_once: bool) -> None:
        self._sender.wake(at_once)

    def _prepare(self) -> None:
        for read in self._before_flush:
            with self._quiet:
                read()
        at, sums = self._counts.seal()
        for (name, tags), n in sums.items():
            self._points.add(Point("counter", name, n, dict(tags), at))
        if pushed_out := self._pushed_out():
            message = "Nowline: %d rows are dropped, the server did not take them in time"
            self._complaints.once("dropped", message, pushed_out)

    def _pushed_out(self) -> int:
        queues = (self._counts, self._points, self._events, self._tasks)
        return sum(each.dropped for each in queues)


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _close_with_process(client: Nowline) -> None:
    sys.modules["multiprocessing.util"].Finalize(client, client.close, exitpriority=0)


def _reopen_after_fork(client: Nowline) -> None:
    """Give forked processes queues, locks and a thread of their own."""
    reference = weakref.ref(client)

    def reopen() -> None:
        if (inherited := reference()) is not None:
            inherited._reopen()  # noqa: SLF001 (of this module)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reopen)
