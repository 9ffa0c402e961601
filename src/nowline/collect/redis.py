"""A Redis server: what it finds and forgets, its memory and clients, its keys and streams."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from nowline.collect.metrics import Describer, Metric
from nowline.collect.readings import Increments
from nowline.collect.targets import Answer, Asked, Target, TargetError
from nowline.model.series import MetricType, Point

_CUMULATIVE = MetricType.CUMULATIVE

# By the field of INFO that it comes from.
GAUGES: Final = {
    "used_memory": Metric("redis.memory.used_bytes", "bytes", "Memory in use by data and server"),
    "used_memory_rss": Metric("redis.memory.rss_bytes", "bytes", "Memory held resident"),
    "used_memory_peak": Metric("redis.memory.peak_bytes", "bytes", "Most memory ever in use"),
    "maxmemory": Metric("redis.memory.max_bytes", "bytes", "Memory it may use; 0 is no limit"),
    "mem_fragmentation_ratio": Metric(
        "redis.memory.fragmentation", "ratio", "Memory held resident over memory in use"
    ),
    "connected_clients": Metric("redis.clients", "count", "Clients connected"),
    "blocked_clients": Metric("redis.clients_blocked", "count", "Clients in a blocking command"),
    "maxclients": Metric("redis.max_clients", "count", "Clients that there may be"),
    "connected_slaves": Metric("redis.replicas", "count", "Replicas connected"),
    "uptime_in_seconds": Metric("redis.uptime_seconds", "seconds", "Time since the server began"),
}
TOTALS: Final = {
    "keyspace_hits": Metric("redis.hits", "count", "Lookups that found a key", _CUMULATIVE),
    "keyspace_misses": Metric("redis.misses", "count", "Lookups that found none", _CUMULATIVE),
    "evicted_keys": Metric("redis.evictions", "count", "Keys evicted for memory", _CUMULATIVE),
    "expired_keys": Metric("redis.expirations", "count", "Keys that expired", _CUMULATIVE),
    "total_commands_processed": Metric(
        "redis.commands", "count", "Commands processed", _CUMULATIVE
    ),
    "total_connections_received": Metric(
        "redis.connections", "count", "Connections accepted", _CUMULATIVE
    ),
    "rejected_connections": Metric(
        "redis.rejected_connections", "count", "Connections refused for the limit", _CUMULATIVE
    ),
    "total_error_replies": Metric("redis.errors", "count", "Replies with an error", _CUMULATIVE),
    "total_net_input_bytes": Metric("redis.received_bytes", "bytes", "Received", _CUMULATIVE),
    "total_net_output_bytes": Metric("redis.sent_bytes", "bytes", "Sent", _CUMULATIVE),
}
HIT_PERCENT = Metric("redis.hit_percent", "percent", "Lookups since the round before that hit")
MEMORY_PERCENT = Metric("redis.memory.percent", "percent", "Memory in use of what it may use")
REPLICATION_LAG = Metric("redis.replication.lag_bytes", "bytes", "How far a replica is behind")
KEYS = Metric("redis.keys", "count", "Keys in a database")
EXPIRING = Metric("redis.keys_expiring", "count", "Keys in a database that expire")
STREAM_LENGTH = Metric("redis.stream.length", "count", "Entries of a stream")
STREAM_LAG = Metric("redis.stream.lag", "count", "Entries a consumer group has yet to read")
STREAM_PENDING = Metric("redis.stream.pending", "count", "Entries read, but not acknowledged")
STREAM_CONSUMERS = Metric("redis.stream.consumers", "count", "Consumers of a group")


class RedisAsked(Asked, Protocol):
    """What the settings say of a Redis."""

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def streams(self) -> tuple[str, ...]: ...  # noqa: D102


class Redis(Target):
    """A Redis from 6.2 on, or a Valkey, over one connection that is kept.

    It asks with `INFO` and, where streams are named, `XLEN` and `XINFO GROUPS`. The lag of a
    group is left out where Redis does not know it: before 7.0, and after entries were deleted
    from the middle of a stream.
    """

    def __init__(self, asked: RedisAsked) -> None:
        super().__init__("redis", asked)
        self._streams = asked.streams
        self._describer = Describer()
        self._lookups = Increments()
        self._databases: set[str] = set()
        self._client = Client.from_url(
            asked.url,
            single_connection_client=True,
            socket_connect_timeout=self.timeout_s,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )

    async def ask(self, time_ms: int) -> Answer:  # noqa: ARG002
        """What `INFO` and the streams say.

        Raises:
            TargetError: It does not answer, or refuses `INFO`.
        """
        try:
            info = await self._client.info()
            points = [*self._of_server(info), *self._of_keyspace(info)]
            complaint = None
            for stream in self._streams:
                try:
                    points += await self._of_stream(stream)
                except ResponseError as error:
                    complaint = complaint or f"stream {stream!r}: {error}"
        except (RedisError, OSError) as error:
            raise TargetError(str(error) or type(error).__name__) from error
        return Answer(points, samples=len(points), complaint=complaint)

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()

    def _of_server(self, info: Mapping[str, Any]) -> Iterator[Point]:
        for field, metric in (*GAUGES.items(), *TOTALS.items()):
            if field in info:
                yield self._point(metric, info[field])
        if info.get("maxmemory"):
            yield self._point(MEMORY_PERCENT, info["used_memory"] / info["maxmemory"] * 100)
        counted = {"": (info["keyspace_hits"], info["keyspace_misses"])}
        for hits, misses in self._lookups.advance(counted).values():
            if hits + misses:
                yield self._point(HIT_PERCENT, hits / (hits + misses) * 100)
        for field, replica in info.items():
            if field.startswith("slave") and isinstance(replica, dict) and "offset" in replica:
                behind = max(0, info["master_repl_offset"] - replica["offset"])
                yield self._point(REPLICATION_LAG, behind, replica=_place(replica))

    def _of_keyspace(self, info: Mapping[str, Any]) -> Iterator[Point]:
        told = {name: found for name, found in info.items() if re.fullmatch("db[0-9]+", name)}
        # Redis does not tell of those that are empty; a chart should.
        self._databases.update(told)
        for name in sorted(self._databases):
            found = told.get(name, {"keys": 0, "expires": 0})
            yield self._point(KEYS, found["keys"], db=name)
            yield self._point(EXPIRING, found["expires"], db=name)

    async def _of_stream(self, stream: str) -> list[Point]:
        length = await self._client.xlen(stream)
        points = [self._point(STREAM_LENGTH, length, stream=stream)]
        for group in await self._groups(stream):
            tags = {"stream": stream, "group": group["name"]}
            if group.get("lag") is not None:
                points.append(self._point(STREAM_LAG, group["lag"], **tags))
            points.append(self._point(STREAM_PENDING, group["pending"], **tags))
            points.append(self._point(STREAM_CONSUMERS, group["consumers"], **tags))
        return points

    async def _groups(self, stream: str) -> list[dict[str, Any]]:
        try:
            groups: list[dict[str, Any]] = await self._client.xinfo_groups(stream)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return []
        return groups

    def _point(self, metric: Metric, value: float, **tags: str) -> Point:
        return self._describer.point(metric, float(value), {**self.tags, **tags})


def _place(replica: Mapping[str, Any]) -> str:
    return f"{replica.get('ip', '')}:{replica.get('port', '')}"
