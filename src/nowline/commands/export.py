"""`nowline export`: dashboards as files."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from nowline.api.disposition import file_stem
from nowline.commands import boards
from nowline.commands.arguments import KINDS
from nowline.commands.boards import Boards, Named, Remote
from nowline.config import Settings
from nowline.errors import Code, NowlineError, invalid

STDOUT = Path("-")
"""What names standard output."""
_NAME = "nowline export"
_KEPT = ("json", "yaml")
_BINARY = ("pdf", "png")
_MOST_TOLD = 20


class Wanted(msgspec.Struct, frozen=True):
    """What is to be exported.

    Attributes:
        which: The id or the name of a dashboard; None for all.
        kind: What as; None for what the ending of `output` says, or else JSON.
        output: The file, or the folder for all of them.
        look: What the file is to show, by parameters of the API.
    """

    which: str | None
    kind: str | None
    output: Path
    look: Mapping[str, str]


async def run(
    settings: Settings, remote: Remote | None, wanted: Wanted, tell: Callable[[str], None]
) -> None:
    """Export one dashboard, or all of them into a folder.

    Args:
        settings: Whose data folder.
        remote: Another server.
        wanted: What is to be exported.
        tell: Called with a line for each file that is written.

    Raises:
        NowlineError: INVALID with the argument at fault; NOT_FOUND; or a server does not answer,
            or refuses.
        OSError: A file cannot be written.
    """
    kind = _kind(wanted)
    _check(wanted, kind)
    async with _source(settings, remote, kind) as source:
        for dashboard, file in _chosen(await source.all(), kind, wanted):
            body = await source.file(dashboard.id, kind, wanted.look)
            await asyncio.to_thread(_write, file, body)
            if file != STDOUT:
                tell(f"Exported {dashboard.name!r} to {file} ({len(body):,} bytes).")


def _chosen(known: Sequence[Named], kind: str, wanted: Wanted) -> list[tuple[Named, Path]]:
    if wanted.which is None:
        return _named_files(known, kind, wanted.output)
    return [(_find(known, wanted.which), wanted.output)]


def _source(
    settings: Settings, remote: Remote | None, kind: str
) -> AbstractAsyncContextManager[Boards]:
    """What a dashboard shows is known to a server alone; what it is is in the folder."""
    if remote is None and kind in _KEPT:
        return boards.of_folder(settings)
    return boards.of_server(settings, remote, _NAME)


def _kind(wanted: Wanted) -> str:
    if wanted.kind is not None:
        return wanted.kind
    ending = wanted.output.suffix.removeprefix(".").lower()
    if wanted.which is None or not ending:
        return "json"
    kind = "yaml" if ending == "yml" else ending
    if kind not in KINDS:
        raise invalid("--format", f"is needed, since .{ending} is none of {', '.join(KINDS)}")
    return kind


def _check(wanted: Wanted, kind: str) -> None:
    if wanted.look and kind in _KEPT:
        name = next(iter(wanted.look))
        raise invalid(
            f"--{name}", f"says what csv, pdf and png show; {kind} is the dashboard itself"
        )
    if wanted.which is None and wanted.output == STDOUT:
        raise invalid("--output", "is needed with --all: the folder to write to")
    if wanted.output == STDOUT and kind in _BINARY and sys.stdout.isatty():
        raise invalid("--output", f"is needed, or redirect it: {kind} is nothing for a terminal")


def _find(known: Sequence[Named], which: str) -> Named:
    """The dashboard with this id, or else the only one with this name."""
    found = [each for each in known if each.id == which]
    found = found or [each for each in known if each.name == which]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        raise NowlineError(Code.CONFLICT, f"{len(found)} dashboards are called {which!r}: {ids}.")
    names = sorted({each.name for each in known})
    told = ", ".join(map(repr, names[:_MOST_TOLD])) or "none at all"
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    raise NowlineError(Code.NOT_FOUND, f"There is no dashboard {which!r}; there is {told}{more}.")


def _named_files(known: Sequence[Named], kind: str, folder: Path) -> list[tuple[Named, Path]]:
    """A file for each, called after it; those that would have the same get some of their ids."""
    folder.mkdir(parents=True, exist_ok=True)
    stems = [file_stem(each.name) for each in known]
    times = Counter(stem.casefold() for stem in stems)
    return [
        (
            each,
            folder / f"{stem if times[stem.casefold()] == 1 else f'{stem}-{each.id[:8]}'}.{kind}",
        )
        for each, stem in zip(known, stems, strict=True)
    ]


def _write(file: Path, body: bytes) -> None:
    """Write all of it; a file gets its name when it is whole."""
    if file == STDOUT:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as target:
            target.write(body)
            target.flush()
            os.fsync(target.fileno())
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
