"""The settings of one server, checked and typed.

`load` reads and checks without writing anything; `prepare` and `signing_key` are for the
start, when the data folder may be made. Whatever is wrong is one line that names the setting.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import platformdirs

from nowline.config import values
from nowline.config.collect import Collect, read_collect
from nowline.config.sources import (
    DEFAULTS,
    SECRETS,
    ConfigError,
    Given,
    from_environment,
    from_flags,
    from_toml,
    label_of,
    read_toml,
)
from nowline.config.table import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

FILE_NAME: Final = "nowline.toml"
SECRET_FILE_NAME: Final = "secret.key"  # noqa: S105  # a file's name, not a secret


@dataclass(frozen=True)
class Row:
    """One line of `nowline config`: the variable, its effective value as text, and its origin."""

    variable: str
    value: str
    origin: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting of one server, checked and typed; see `docs/configuration.md`.

    `retention` has every level of `LEVELS`. `origins` maps each setting to where it came from.
    """

    host: str
    port: int
    data_dir: Path
    store_url: str = field(repr=False)
    bus_url: str = field(repr=False)
    cache_url: str | None = field(repr=False)
    admin_email: str | None
    admin_password: str | None = field(repr=False)
    ingest_key: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    host_metrics: bool
    retention: Mapping[str, timedelta]
    activity_retention: timedelta
    mask: Mapping[str, str]
    max_series: int
    max_series_per_metric: int
    ingest_requests_per_s: int | None
    ingest_bytes_per_s: int | None
    ingest_memory: int
    ingest_body: int
    ingest_unpacked: int
    live_connections: int
    live_subscriptions: int
    live_messages_per_s: int
    statsd_port: int | None
    webhook_allow: tuple[values.Network, ...]
    origins: Mapping[str, str] = field(repr=False)
    collect: Collect = field(default_factory=Collect)

    @property
    def store_path(self) -> Path:
        """The embedded store's file: the one of `duckdb:///path`, else one in the data folder."""
        kind, _, path = self.store_url.partition(":")
        in_folder = kind != "duckdb" or not path
        return self.data_dir / "nowline.duckdb" if in_folder else Path(path.removeprefix("//"))

    @property
    def documents_url(self) -> str:
        """Where users, keys and dashboards are kept: in PostgreSQL where the measurements are."""
        if self.store_url.startswith("postgresql:"):
            return self.store_url
        return f"sqlite:///{self.data_dir / 'documents.sqlite'}"

    @property
    def secret_path(self) -> Path:
        """Where the signing key is kept when no setting gives one."""
        return self.data_dir / SECRET_FILE_NAME


def load(
    environment: Mapping[str, str],
    flags: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """The effective settings.

    Args:
        environment: The process's environment; only `NOWLINE_*` is looked at.
        flags: Settings by name that the command line gave; they win.
        file: The file to read instead of `nowline.toml` in the data folder.

    Raises:
        ConfigError: A setting is unknown or malformed, or a file cannot be read.
    """
    set_outside = from_environment(environment)
    given = set_outside | from_flags(flags or {})
    data_dir = (
        _Reader(given).strictly_optional("data_dir", values.parse_folder) or _default_data_dir()
    )
    path = file or data_dir / FILE_NAME
    content = read_toml(path, must_exist=file is not None)
    collect = read_collect(path, content.pop("collect", {}))
    written = from_toml(path, content)
    if file is None and "data_dir" in written:
        raise ConfigError(f"{path}: data_dir: cannot be set in the data folder itself")
    settings = _typed(_Reader(written | given))
    for source in (written, set_outside):
        _typed(_Reader(source))  # What is overridden may not be malformed either.
    _check_first_admin(settings)
    return replace(settings, collect=collect)


def prepare(settings: Settings) -> None:
    """Make the data folder, mode 0700, if it is missing.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        _refuse("data_dir", f"cannot make {settings.data_dir}: {error.strerror}")
    if not os.access(settings.data_dir, os.W_OK | os.X_OK):
        _refuse("data_dir", f"{settings.data_dir} is not writable")


def signing_key(settings: Settings) -> bytes:
    """The key that signs tokens; made, mode 0600, if neither a setting nor a file has one.

    Call it while holding the data folder's lock.

    Raises:
        ConfigError: The file cannot be read or written, or holds less than 32 bytes.
    """
    if settings.secret_key is not None:
        return settings.secret_key.encode()
    path = settings.secret_path
    try:
        key = path.read_bytes().strip() if path.exists() else _make_secret(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(key) < values.SECRET_BYTES:
        raise ConfigError(
            f"{path}: has fewer than {values.SECRET_BYTES} bytes; remove it for a new key"
            " (access tokens of the old one end)"
        )
    return key


def effective(settings: Settings) -> list[Row]:
    """Every setting with its value and origin, secrets masked, in the order of the docs."""
    rows = [
        Row(label_of(name), _shown(name, settings), _shown_origin(name, settings))
        for name in DEFAULTS
    ]
    return rows + [Row(*shown) for target in settings.collect.targets for shown in target.shown]


class _Reader:
    """Turns what was given into typed values, and remembers where each came from."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        self._given = given

    def required(self, name: str, parse: Callable[[str], T]) -> T:
        """The given or the default value."""
        given = self._given.get(name) or Given(DEFAULTS[name] or "", label_of(name), "default")
        try:
            return parse(given.text)
        except ValueError as error:
            raise ConfigError(f"{given.label}: {error}") from error

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """The given value, None where nothing or an empty text was given."""
        given = self._given.get(name)
        return None if given is None or not given.text else self.required(name, parse)

    def strictly_optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """As `optional`, but an empty text is parsed: it may be a substitution gone wrong."""
        return self.required(name, parse) if name in self._given else None

    def origins(self) -> Mapping[str, str]:
        """Where each setting came from."""
        return MappingProxyType(
            {n: self._given[n].origin if n in self._given else "default" for n in DEFAULTS}
        )


def _typed(read: _Reader) -> Settings:
    return Settings(
        host=read.required("host", values.parse_host),
        port=read.required("port", lambda text: values.parse_port(text, lowest=0)),
        data_dir=read.strictly_optional("data_dir", values.parse_folder) or _default_data_dir(),
        store_url=read.required("store_url", values.parse_store_url),
        bus_url=read.required("bus_url", values.parse_bus_url),
        cache_url=read.optional("cache_url", values.parse_cache_url),
        admin_email=read.optional("admin_email", values.parse_email),
        admin_password=read.optional("admin_password", values.parse_password),
        ingest_key=read.optional("ingest_key", values.parse_credential),
        secret_key=read.strictly_optional("secret_key", values.parse_secret_key),
        host_metrics=read.required("host_metrics", values.parse_switch),
        retention=read.required("retention", _retention),
        activity_retention=read.required("activity_retention", values.parse_duration),
        mask=read.required("mask", values.parse_mask),
        max_series=read.required("max_series", values.parse_count),
        max_series_per_metric=read.required("max_series_per_metric", values.parse_count),
        ingest_requests_per_s=read.optional("ingest_requests_per_s", values.parse_count),
        ingest_bytes_per_s=read.optional("ingest_bytes_per_s", values.parse_count),
        ingest_memory=read.required("ingest_memory", values.parse_count),
        ingest_body=read.required("ingest_body", values.parse_count),
        ingest_unpacked=read.required("ingest_unpacked", values.parse_count),
        live_connections=read.required("live_connections", values.parse_count),
        live_subscriptions=read.required("live_subscriptions", values.parse_count),
        live_messages_per_s=read.required("live_messages_per_s", values.parse_count),
        statsd_port=read.optional("statsd_port", values.parse_port),
        webhook_allow=read.required("webhook_allow", values.parse_networks),
        origins=read.origins(),
    )


def _check_first_admin(settings: Settings) -> None:
    if (settings.admin_email is None) != (settings.admin_password is None):
        missing = "admin_email" if settings.admin_email is None else "admin_password"
        _refuse(missing, "must be set too: the first admin needs an e-mail address and a password")


def _retention(text: str) -> Mapping[str, timedelta]:
    return values.parse_retention(text, values.parse_retention(DEFAULTS["retention"] or "", {}))


def _default_data_dir() -> Path:
    return platformdirs.user_data_path("nowline", appauthor=False)


def _refuse(name: str, message: str) -> NoReturn:
    raise ConfigError(f"{label_of(name)}: {message}")


def _make_secret(path: Path) -> bytes:
    """Write a new key so that a crash leaves either the whole file or none."""
    key = secrets.token_urlsafe(48).encode()
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return key


def _shown(name: str, settings: Settings) -> str:
    value = getattr(settings, name)
    if name == "secret_key" and value is None:
        return MASK if settings.secret_path.exists() else "made at first start"
    if value is None:
        return "unset"
    return MASK if name in SECRETS else _text(value)


def _text(value: object) -> str:
    match value:
        case timedelta():
            return values.format_duration(value)
        case bool():
            return "on" if value else "off"
        case MappingProxyType() if all(isinstance(each, str) for each in value.values()):
            return values.format_mask(value)
        case MappingProxyType():
            return values.format_retention(value)
        case tuple():
            return ",".join(str(network) for network in value) or "none"
        case _:
            return values.mask_password(str(value), MASK)


def _shown_origin(name: str, settings: Settings) -> str:
    if name == "secret_key" and settings.secret_key is None and settings.secret_path.exists():
        return str(settings.secret_path)
    return settings.origins[name]
