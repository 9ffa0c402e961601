"""What arguments of the command line mean: parsers whose errors say what is wanted."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from nowline import config

T = TypeVar("T", bound=Enum)

KINDS: Final = ("json", "yaml", "csv", "pdf", "png")
"""What a dashboard is exported as."""
LOOK: Final = {
    "range": "the time up to --to, such as 24h",
    "from": "since when, such as 2026-01-31T08:00:00Z",
    "to": "until when; now if left out",
    "timezone": "whose clock tells the times, such as Europe/Rome",
    "theme": "light or dark",
    "width": "of a png, in pixels of the page",
    "scale": "of a png, pixels for each of them",
}
"""The parameters of what a file shows, and what they mean."""
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


def of_demo(command: argparse.ArgumentParser) -> None:
    """What `nowline demo` takes."""
    command.add_argument("--url", help="the server; the one of the data folder if not given")
    command.add_argument("--key", help="an ingest key; without --url, one for this run is made")
    command.add_argument(
        "--rate", type=rate, default=20.0, metavar="N", help="API calls per second on average"
    )
    command.add_argument(
        "--backfill",
        type=duration,
        metavar="DURATION",
        help="first send this much of the past, such as 7d",
    )
    command.add_argument("--duration", type=duration, help="stop after this time; by default never")
    command.add_argument(
        "--seed", type=seed, default=1, metavar="N", help="which shop; one seed is always the same"
    )


def of_export(command: argparse.ArgumentParser) -> None:
    """What `nowline export` takes."""
    command.add_argument(
        "dashboard", metavar="DASHBOARD", nargs="?", help="its id, or its name as it is written"
    )
    command.add_argument("--all", action="store_true", help="all dashboards, into a folder")
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("-"),
        help="the file, or the folder for --all; standard output if left out",
    )
    command.add_argument("--format", choices=KINDS, help="by default what the file's ending says")
    shown = command.add_argument_group("what csv, pdf and png show")
    for name, meaning in LOOK.items():
        shown.add_argument(f"--{name}", metavar=name.upper(), help=meaning, dest=f"look_{name}")
    _of_server(command)


def of_import(command: argparse.ArgumentParser) -> None:
    """What `nowline import` takes."""
    command.add_argument(
        "files",
        metavar="FILE",
        type=Path,
        nargs="+",
        help=".json or .yaml, a folder of them, or - for standard input",
    )
    command.add_argument("--dry-run", action="store_true", help="check the files, and make nothing")
    command.add_argument(
        "--owner", metavar="EMAIL", help="whose they are; the first admin's if left out"
    )
    _of_server(command)


def _of_server(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("another machine's server")
    group.add_argument("--url", help="its address; the data folder is not used then")
    group.add_argument("--key", help="an API key of it")
