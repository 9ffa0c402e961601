"""Where settings come from: flags, environment, `nowline.toml`; unknown names are refused."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PREFIX: Final = "NOWLINE_"
DEFAULTS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "host": "127.0.0.1",
        "port": "8000",
        "data_dir": None,
        "store_url": "duckdb:",
        "bus_url": "memory:",
        "cache_url": None,
        "admin_email": None,
        "admin_password": None,
        "ingest_key": None,
        "secret_key": None,
        "host_metrics": "on",
        "retention": "raw=30d,1m=1y,5m=1y,1h=5y,1d=5y",
        "activity_retention": "1y",
        "mask": "ip=truncate,email=hash,user_agent=coarse",
        "max_series": "1000000",
        "max_series_per_metric": "10000",
        "ingest_requests_per_s": None,
        "ingest_bytes_per_s": None,
        "ingest_memory": "268435456",
        "ingest_body": "16777216",
        "ingest_unpacked": "134217728",
        "live_connections": "20000",
        "live_subscriptions": "200",
        "live_messages_per_s": "50",
        "statsd_port": None,
        "webhook_allow": "",
    }
)
SECRETS: Final = frozenset({"admin_password", "ingest_key", "secret_key"})
# The URLs may carry a password, so they may come from a file too.
_FROM_FILE: Final = MappingProxyType(
    {f"{name}_file": name for name in (*sorted(SECRETS), "store_url", "bus_url", "cache_url")}
)


class ConfigError(Exception):
    """A setting that cannot be used; the text is one line that names it."""


@dataclass(frozen=True)
class Given:
    """One setting as somebody wrote it.

    `label` names it in errors the way it was written, `origin` says where it came from.
    """

    text: str
    label: str
    origin: str


def from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """The settings among the environment's variables; any other `NOWLINE_*` is refused."""
    known = {label_of(name): name for name in (*DEFAULTS, *_FROM_FILE)}
    given: dict[str, Given] = {}
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        if variable not in known:
            refuse_unknown(variable, known)
        text = environment[variable]
        _add(given, known[variable], Given(text, variable, "environment"))
    return given


def from_flags(flags: Mapping[str, str]) -> dict[str, Given]:
    """The settings that the command line gave, by name."""
    labels = {name: "--" + name.replace("_", "-") for name in flags}
    return {name: Given(text, labels[name], labels[name]) for name, text in flags.items()}


def from_toml(path: Path, content: Mapping[str, object]) -> dict[str, Given]:
    """The settings of a file; its keys are the variables in lower case without the prefix."""
    given: dict[str, Given] = {}
    for name, value in content.items():
        if name not in DEFAULTS and name not in _FROM_FILE:
            refuse_unknown(name, (*DEFAULTS, *_FROM_FILE), where=f"{path}: ")
        label = f"{path}: {name}"
        _add(given, name, Given(_toml_text(label, value), label, str(path)))
    return given


def read_toml(path: Path, *, must_exist: bool) -> dict[str, object]:
    """What is in a file; nothing where there is none that has to be."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not must_exist:
            return {}
        raise ConfigError(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # broken TOML or broken UTF-8
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error


def _toml_text(label: str, value: object) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case str() | int():
            return str(value)
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            raise ConfigError(f"{label}: must be a text, a whole number, true or false")


def _add(given: dict[str, Given], name: str, value: Given) -> None:
    """Keep a value, read from the file it names if it is a `_file` one."""
    target = _FROM_FILE.get(name, name)
    if target in given:
        raise ConfigError(f"{value.label}: {given[target].label} is set too; set only one of them")
    if name in _FROM_FILE:
        value = Given(read_secret(value), value.label, f"{value.origin}, file {value.text}")
    given[target] = value


def read_secret(given: Given) -> str:
    """The text of the file that a `_file` setting names."""
    try:
        text = Path(given.text).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{given.label}: cannot read {given.text}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{given.label}: {given.text} is not UTF-8 text") from error
    if not text:
        raise ConfigError(f"{given.label}: {given.text} is empty")
    return text


def label_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def refuse_unknown(name: str, known: Collection[str], where: str = "") -> NoReturn:
    """Refuse a name that is none of the known ones, and say which it may have been."""
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ConfigError(f"{where}{_printable(name)}: unknown setting{hint}")


def _printable(name: str) -> str:
    return name if name.isprintable() else repr(name)
