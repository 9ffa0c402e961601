"""What a Redis promises about what it was told, from what it says about itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nowline.errors import Code, NowlineError

_OLDEST = (6, 2)
_SAFE = "appendfsync always: what is acknowledged survives the death of Redis and of its machine"
_LOST = {
    "everysec": (
        "appendfsync everysec: up to one second of acknowledged rows may be lost when Redis'"
        " machine dies"
    ),
    "no": (
        "appendfsync no: what its machine had not written to the disk yet, half a minute at times,"
        " may be lost when that dies"
    ),
}
_UNTOLD = (
    "it writes an append-only file but does not let CONFIG be read: unless appendfsync is always,"
    " acknowledged rows of the last moments may be lost when Redis' machine dies"
)
_NOWHERE = (
    "appendonly no: acknowledged rows that the store does not have yet are lost when Redis stops"
)


@dataclass(frozen=True, slots=True)
class Promise:
    """What may become of acknowledged rows.

    Attributes:
        text: In one sentence, without a stop.
        is_safe: Whether none of them is ever lost.
    """

    text: str
    is_safe: bool


def promise_of(info: Mapping[str, Any], config: Mapping[str, str] | None) -> Promise:
    """What this Redis promises.

    Args:
        info: Its sections `server`, `persistence` and `memory` of INFO.
        config: `appendonly`, `appendfsync` and `maxmemory-policy`; None where it does not tell.

    Raises:
        NowlineError: It cannot hold a log: it is too old, or may throw records away.
    """
    version = str(info.get("redis_version", ""))
    if _numbers(version) < _OLDEST:
        raise NowlineError(Code.UNSUPPORTED, f"Redis {version} is too old: the log needs 6.2.")
    policy = (config or {}).get("maxmemory-policy") or str(info.get("maxmemory_policy", ""))
    if policy.startswith("allkeys"):
        detail = f"Its maxmemory-policy {policy} throws records away: a log needs noeviction."
        raise NowlineError(Code.CONFLICT, detail)
    if str((config or {}).get("appendonly") or info.get("aof_enabled")) in {"no", "0"}:
        return Promise(_NOWHERE, is_safe=False)
    if config is None:
        return Promise(_UNTOLD, is_safe=False)
    lost = _LOST.get(config.get("appendfsync", ""))
    return Promise(_SAFE, is_safe=True) if lost is None else Promise(lost, is_safe=False)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
