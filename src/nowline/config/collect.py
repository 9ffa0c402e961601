"""What `nowline.toml` says to collect: `[[collect.prometheus]]` and its kin, checked and typed."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypedDict, TypeVar
from urllib.parse import urlsplit

from nowline.config import values
from nowline.config.sources import ConfigError, refuse_unknown
from nowline.config.table import Shown, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_KINDS: Final = ("prometheus", "postgres", "redis")
_PORTS: Final = MappingProxyType(
    {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379}
)
_LONGEST_INTERVAL: Final = timedelta(days=1)
_DEFAULT_INTERVAL: Final = timedelta(seconds=15)
_DEFAULT_TIMEOUT: Final = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What every target has: where it is, how often it is asked, and for how long at most.

    `tags` tells its series from those of others; `instance` is always among them.
    """

    url: str = field(repr=False)
    tags: Mapping[str, str]
    interval: timedelta
    timeout: timedelta
    shown: tuple[Shown, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class PrometheusTarget(Target):
    """A `/metrics` page. `headers` has the authorization, if any."""

    headers: Mapping[str, str] = field(repr=False)
    honor_labels: bool
    honor_timestamps: bool
    max_samples: int
    max_bytes: int
    tls_verify: bool
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None


@dataclass(frozen=True, kw_only=True)
class PostgresTarget(Target):
    """A PostgreSQL server; up to `statements` queries that take most time are told apart."""

    statements: int


@dataclass(frozen=True, kw_only=True)
class RedisTarget(Target):
    """A Redis server, and the streams in it to look at."""

    streams: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Collect:
    """All targets, in the order of the file."""

    prometheus: tuple[PrometheusTarget, ...] = ()
    postgres: tuple[PostgresTarget, ...] = ()
    redis: tuple[RedisTarget, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of every kind."""
        return (*self.prometheus, *self.postgres, *self.redis)


class _Common(TypedDict):
    tags: Mapping[str, str]
    interval: timedelta
    timeout: timedelta


T = TypeVar("T", bound=Target)


def read_collect(path: Path, content: object) -> Collect:
    """The targets of a file.

    Args:
        path: The file, for errors.
        content: What it has as `collect`.

    Raises:
        ConfigError: A key is unknown, missing or malformed, or a target is there twice.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: collect: must be tables such as [[collect.prometheus]]")
    for kind in content:
        if kind not in _KINDS:
            known = [f"collect.{each}" for each in _KINDS]
            refuse_unknown(f"collect.{kind}", known, where=f"{path}: ")
    return Collect(
        prometheus=_every(path, "prometheus", content, _prometheus),
        postgres=_every(path, "postgres", content, _postgres),
        redis=_every(path, "redis", content, _redis),
    )


def _every(
    path: Path, kind: str, content: Mapping[str, object], make: Callable[[Table], T]
) -> tuple[T, ...]:
    name = f"collect.{kind}"
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: {name}: must be tables, each begun with [[{name}]]")
    targets: list[T] = []
    for at, table in enumerate(tables):
        read = Table(path, f"{name}[{at}]", table)
        target = make(read)
        read.finish()
        if any(target.tags == other.tags for other in targets):
            read.refuse("instance", f"{target.tags['instance']} is collected already")
        targets.append(target)
    return tuple(targets)


def _prometheus(read: Table) -> PrometheusTarget:
    url = read.required("url", values.parse_page_url)
    instance = read.optional("instance", values.parse_name, _place(url))
    job = read.optional("job", values.parse_name, "prometheus")
    ca, cert, key = (read.readable_file(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    _check_tls(read, ca, cert, key)
    return PrometheusTarget(
        url=url,
        **_common(read, {"job": job, "instance": instance}),
        headers=_headers(read),
        honor_labels=read.switch("honor_labels", default=False),
        honor_timestamps=read.switch("honor_timestamps", default=True),
        max_samples=read.optional("max_samples", values.parse_count, 50_000),
        max_bytes=read.optional("max_bytes", values.parse_count, 32 << 20),
        tls_verify=read.switch("tls_verify", default=True),
        tls_ca=ca,
        tls_cert=cert,
        tls_key=key,
        shown=tuple(read.shown),
    )


def _postgres(read: Table) -> PostgresTarget:
    url = read.required("url", values.parse_postgres_url)
    instance = read.optional("instance", values.parse_name, _place(url))
    return PostgresTarget(
        url=url,
        **_common(read, {"instance": instance}),
        statements=read.optional("statements", values.parse_statements, 20),
        shown=tuple(read.shown),
    )


def _redis(read: Table) -> RedisTarget:
    url = read.required("url", values.parse_cache_url)
    instance = read.optional("instance", values.parse_name, _place(url))
    return RedisTarget(
        url=url,
        **_common(read, {"instance": instance}),
        streams=read.texts("streams"),
        shown=tuple(read.shown),
    )


def _common(read: Table, identity: Mapping[str, str]) -> _Common:
    interval = read.optional("interval", values.parse_duration, _DEFAULT_INTERVAL)
    if interval > _LONGEST_INTERVAL:
        read.refuse("interval", "must be at most 1d")
    shorter = min(_DEFAULT_TIMEOUT, interval * 0.8)
    timeout = read.optional("timeout", values.parse_duration, shorter)
    if timeout >= interval:
        read.refuse("timeout", "must be shorter than the interval")
    tags = read.tags("tags", ("job", "instance"))
    return {
        "tags": MappingProxyType({**identity, **tags}),
        "interval": interval,
        "timeout": timeout,
    }


def _headers(read: Table) -> Mapping[str, str]:
    """The headers of a request, the authorization among them."""
    headers = read.headers("headers")
    token = read.secret("bearer_token", values.parse_credential)
    password = read.secret("password", values.parse_password)
    user = read.optional("username", values.parse_name, "")
    if password is not None and not user:
        read.refuse("username", "must be set too: password is that of a user")
    given = [bool(token), bool(user), any(name.lower() == "authorization" for name in headers)]
    if sum(given) > 1:
        read.refuse("bearer_token", "set only one of bearer_token, username and an own header")
    if token is not None:
        return {**headers, "Authorization": f"Bearer {token}"}
    if user:
        pair = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        return {**headers, "Authorization": f"Basic {pair}"}
    return headers


def _check_tls(read: Table, ca: Path | None, cert: Path | None, key: Path | None) -> None:
    if key and not cert:
        read.refuse("tls_cert", "must be set too: tls_key is the key of a certificate")
    if not ca and not cert:
        return
    import ssl  # noqa: PLC0415 - few need it, and every command reads the settings

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    at = "tls_ca"
    try:
        if ca:
            context.load_verify_locations(ca)
        at = "tls_cert"
        if cert:
            context.load_cert_chain(cert, key)
    except ssl.SSLError:
        read.refuse(at, "is not a certificate in PEM with, for tls_cert, its key")


def _place(url: str) -> str:
    """The host and port that a URL leads to."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or _PORTS[parts.scheme]}"
