"""What a setting's text means: pure parsers whose ValueError says what is wanted."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

Network = IPv4Network | IPv6Network

SECRET_BYTES: Final = 32
LEVELS: Final = ("raw", "1m", "5m", "1h", "1d")

_UNITS: Final = MappingProxyType(
    {
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
        "y": timedelta(days=365),
    }
)
_LONGEST: Final = timedelta(days=365 * 100)
_MOST: Final = 1_000_000_000
_REDIS_PARAMETERS: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_REDIS: Final = "redis://host/0 or rediss://host/0, with no parameters but " + ", ".join(
    sorted(_REDIS_PARAMETERS)
)


def parse_duration(text: str) -> timedelta:
    """A whole number and a unit, `s m h d w` or `y` (365 days): `90s`, `30d`, `1y`.

    Raises:
        ValueError: It is not of that form, is zero, or is longer than 100 years.
    """
    match = re.fullmatch(r"([0-9]{1,10})([smhdwy])", text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"must be a duration such as 90s, 12h, 30d or 1y, not {text!r}")
    count, unit = int(match[1]), _UNITS[match[2]]
    if count > _LONGEST // unit:
        raise ValueError(f"must be at most 100y, not {text!r}")
    return count * unit


MASKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ip": ("truncate", "hash", "drop", "keep"),
        "email": ("hash", "keep"),
        "user_agent": ("coarse", "hash", "drop", "keep"),
    }
)
"""What can become of what is masked, the usual first."""
MASKS_OF_FIELDS: Final = ("hash", "drop", "keep")
"""What can become of any other field of an event's metadata."""


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same whole seconds."""
    for unit in ("y", "w", "d", "h", "m"):
        if duration >= _UNITS[unit] and not duration % _UNITS[unit]:
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration // _UNITS['s']}s"


def format_seconds(duration: timedelta) -> str:
    """A duration that need not be of whole seconds."""
    whole = duration == timedelta(seconds=duration // _UNITS["s"])
    return format_duration(duration) if whole else f"{duration.total_seconds():g}s"


def format_retention(retention: Mapping[str, timedelta]) -> str:
    """The text that `parse_retention` reads back as the same levels."""
    return ",".join(f"{level}={format_duration(kept)}" for level, kept in retention.items())


def parse_retention(text: str, defaults: Mapping[str, timedelta]) -> Mapping[str, timedelta]:
    """`raw=30d,1m=1y,…`; a level that is not named keeps its default."""
    named: dict[str, timedelta] = {}
    for part in text.split(","):
        level, _, duration = (piece.strip() for piece in part.partition("="))
        if level not in LEVELS:
            raise ValueError(
                f"must name levels of {', '.join(LEVELS)} as level=duration, not {part!r}"
            )
        if level in named:
            raise ValueError(f"names the level {level} twice")
        named[level] = parse_duration(duration)
    return MappingProxyType({**defaults, **named})


def format_mask(rules: Mapping[str, str]) -> str:
    """The text that `parse_mask` reads back as the same rules."""
    return ",".join(f"{name}={rule}" for name, rule in rules.items())


def parse_mask(text: str) -> Mapping[str, str]:
    """`ip=truncate,email=hash,…`; a rule that is not named is the one that hides."""
    rules: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        name, _, rule = (piece.strip() for piece in part.partition("="))
        # As the fields themselves are looked up, whatever their case.
        name = name.lower().replace("-", "_")
        choices = MASKS.get(name, MASKS_OF_FIELDS)
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) or rule not in choices:
            raise ValueError(
                f"must have name=rule pairs; {name or part!r} can be {', '.join(choices)}"
            )
        if name in rules:
            raise ValueError(f"names {name} twice")
        rules[name] = rule
    return MappingProxyType({name: choices[0] for name, choices in MASKS.items()} | rules)


def parse_host(text: str) -> str:
    """A host name or an address, without a port; IPv6 without brackets."""
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", text) or (text.count(":") == 1):
        raise ValueError(f"must be a host name or an IP address without a port, not {text!r}")
    return text


def parse_port(text: str, lowest: int = 1) -> int:
    """A port number; 0, where `lowest` allows it, picks a free one."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not lowest <= int(text) <= 65535:
        raise ValueError(f"must be a port number from {lowest} to 65535, not {text!r}")
    return int(text)


def parse_count(text: str) -> int:
    """A whole number from 1 to a billion."""
    if not re.fullmatch(r"[0-9]{1,10}", text) or not 1 <= int(text) <= _MOST:
        raise ValueError(f"must be a whole number from 1 to {_MOST}, not {text!r}")
    return int(text)


def parse_folder(text: str) -> Path:
    """A folder as an absolute path; `~` is the user's home."""
    if not text or "\0" in text:
        raise ValueError(f"must be a folder, not {text!r}")
    return Path(text).expanduser().absolute()


def parse_store_url(text: str) -> str:
    """`duckdb:`, `duckdb:///path` or `postgresql://…/database`."""
    if text == "duckdb:" or re.fullmatch(r"duckdb://(/[^/?#]+)+", text):
        return text
    if _names_host(text, "postgresql") and re.fullmatch(r"/[^/]+", urlsplit(text).path):
        return text
    raise ValueError("must be duckdb:, duckdb:///absolute/path or postgresql://host/database")


def parse_bus_url(text: str) -> str:
    """`memory:`, or a Redis as `parse_cache_url` takes it."""
    if text == "memory:" or _names_redis(text):
        return text
    raise ValueError(f"must be memory:, {_REDIS}")


def parse_cache_url(text: str) -> str:
    """`redis://…` or, encrypted, `rediss://…`, with a database number as its path."""
    if _names_redis(text):
        return text
    raise ValueError(f"must be {_REDIS}")


def _names_redis(text: str) -> bool:
    if not (_names_host(text, "redis") or _names_host(text, "rediss")):
        return False
    parts = urlsplit(text)
    asked = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    return bool(re.fullmatch(r"(/[0-9]{0,5})?", parts.path)) and asked <= _REDIS_PARAMETERS


def parse_postgres_url(text: str) -> str:
    """`postgresql://…/database`."""
    if _names_host(text, "postgresql") and re.fullmatch(r"/[^/]+", urlsplit(text).path):
        return text
    raise ValueError("must be postgresql://host/database")


def parse_page_url(text: str) -> str:
    """`http://…` or `https://…`, without a user; `/metrics` where there is no path."""
    if not _names_host(text, "http") and not _names_host(text, "https"):
        raise ValueError("must be http://host or https://host")
    parts = urlsplit(text)
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have no user and no fragment; see username and password")
    return text if parts.path else urlunsplit(parts._replace(path="/metrics"))


def parse_name(text: str) -> str:
    """A name of something: printable text that is not empty."""
    if not text.strip() or not text.isprintable():
        raise ValueError(f"must be printable text, not {text!r}")
    return text


def parse_statements(text: str) -> int:
    """How many statements to tell apart, up to 500; 0 for none."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 500:
        raise ValueError(f"must be a whole number from 0 to 500, not {text!r}")
    return int(text)


def parse_email(text: str) -> str:
    """Something that can be an e-mail address."""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise ValueError(f"must be an e-mail address, not {text!r}")
    return text


def parse_password(text: str) -> str:
    """Any text that UTF-8 can carry."""
    if not text.isprintable():
        raise ValueError("must be printable text")
    return text


def parse_credential(text: str) -> str:
    """A key that fits into an HTTP header: printable ASCII without spaces."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("must be printable ASCII without spaces")
    return text


def parse_secret_key(text: str) -> str:
    """A key of at least 32 bytes."""
    if len(text.encode()) < SECRET_BYTES:
        raise ValueError(f"must have at least {SECRET_BYTES} bytes")
    return text


def parse_switch(text: str) -> bool:
    """`on` or `off`."""
    if text.lower() not in {"on", "off"}:
        raise ValueError(f"must be on or off, not {text!r}")
    return text.lower() == "on"


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks or addresses, separated by commas; none where the text is empty."""
    return tuple(ip_network(part.strip()) for part in text.split(",")) if text.strip() else ()


def mask_password(url: str, mask: str) -> str:
    """The URL with its secrets, before the host and among the parameters, masked."""
    before_host = re.sub(r"(?<=//)([^/?#@:]*):.*@", rf"\1:{mask}@", url)
    named = r"(?i)([?&][^=&#]*(?:password|secret|token|api_?key)=)[^&#]*"
    return re.sub(named, rf"\1{mask}", before_host)


def _names_host(url: str, scheme: str) -> bool:
    """Whether it is a URL of that scheme with a host and, if any, a port that can be one."""
    try:
        parts = urlsplit(url)
        is_whole = parts.port is None or parts.port > 0
    except ValueError:  # its text may be part of a password
        return False
    is_named = parts.scheme == scheme and bool(parts.hostname)
    return is_whole and is_named and not re.search(r"\s", url)
