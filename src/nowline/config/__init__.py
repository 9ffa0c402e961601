"""The settings: flags over environment over `nowline.toml` over defaults, each with its origin."""

from nowline.config.collect import Collect, PostgresTarget, PrometheusTarget, RedisTarget
from nowline.config.settings import (
    Row,
    Settings,
    effective,
    load,
    prepare,
    signing_key,
)
from nowline.config.sources import ConfigError
from nowline.config.values import LEVELS, Network, format_duration, parse_duration

__all__ = [
    "LEVELS",
    "Collect",
    "ConfigError",
    "Network",
    "PostgresTarget",
    "PrometheusTarget",
    "RedisTarget",
    "Row",
    "Settings",
    "effective",
    "format_duration",
    "load",
    "parse_duration",
    "prepare",
    "signing_key",
]
