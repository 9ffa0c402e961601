"""What arguments of the command line mean: parsers whose errors say what is wanted."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Final, TypeVar

from nowline import config

T = TypeVar("T", bound=Enum)

_HIGHEST_RATE: Final = 100_000


def member_of(kind: type[T]) -> Callable[[str], T]:
    """A parser of the values of an enumeration."""

    def parse(text: str) -> T:
        try:
            return kind(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {choices(kind)}") from error

    return parse


def rate(text: str) -> float:
    """How many a second."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= _HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {_HIGHEST_RATE}")
    return number


def seed(text: str) -> int:
    """What a random sequence starts from."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError("must be a whole number of at most 18 digits")
    return int(text)


def duration(text: str) -> timedelta:
    """As in settings: `90s`, `7d`."""
    try:
        return config.parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def choices(kind: type[Enum]) -> str:
    """The values of an enumeration, with commas between them."""
    return ", ".join(member.value for member in kind)
