"""`nowline import`: dashboards of files, all of them or none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec

from nowline.api.sent_dashboards import JSON, YAML, read_dashboard
from nowline.commands import boards
from nowline.commands.boards import Boards, Remote
from nowline.config import Settings
from nowline.dashboards.content import check
from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Content

STDIN = Path("-")
"""What names standard input."""
_MEDIA_TYPES = {".json": JSON, ".yaml": YAML, ".yml": YAML}


class Read(msgspec.Struct, frozen=True):
    """A file that can be imported."""

    file: Path
    content: Content


class BadFilesError(Exception):
    """Some files are no dashboards; `reasons` has a line for each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def read(paths: Sequence[Path]) -> list[Read]:
    """What files say, and those of folders; nothing is kept yet.

    Raises:
        BadFilesError: Some cannot be shown.
        NowlineError: A folder has none.
        OSError: One cannot be read.
    """
    good, reasons = [], []
    for file in [file for path in paths for file in _files(path)]:
        try:
            good.append(Read(file, _content(file)))
        except NowlineError as error:
            reasons.append(f"{file}: {error}")
    if reasons:
        raise BadFilesError(reasons)
    return good


async def run(
    settings: Settings,
    remote: Remote | None,
    owner: str | None,
    files: Sequence[Read],
    tell: Callable[[str], None],
) -> None:
    """Make the dashboards.

    Args:
        settings: Whose data folder.
        remote: Another server; they belong to its key then.
        owner: The address of the user whose they are; None for the first admin.
        files: What to make.
        tell: Called with a line for each that is made.

    Raises:
        NowlineError: INVALID with the argument at fault; CONFLICT: the owner has too many; or a
            server does not answer, or refuses.
    """
    if remote is not None and owner is not None:
        raise invalid("--owner", "does not go with --url: what is made there belongs to the key")
    async with _target(settings, remote, owner) as target:
        for each in files:
            made = await target.create(each.content)
            tell(f"{made.id}  {made.name!r} of {each.file}")


def _target(
    settings: Settings, remote: Remote | None, owner: str | None
) -> AbstractAsyncContextManager[Boards]:
    if remote is None:
        return boards.of_folder(settings, owner)
    return boards.of_server(settings, remote, "nowline import")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in _MEDIA_TYPES)
    if not found:
        raise NowlineError(Code.NOT_FOUND, f"{path} has no .json, .yaml or .yml file.")
    return found


def _content(file: Path) -> Content:
    body = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
    content = read_dashboard(_media_type(file, body), body)
    check(content)
    return content


def _media_type(file: Path, body: bytes) -> str:
    if file == STDIN:
        return JSON if body.lstrip().startswith(b"{") else YAML
    media_type = _MEDIA_TYPES.get(file.suffix.lower())
    if media_type is None:
        raise NowlineError(Code.UNSUPPORTED, "it is no .json, .yaml or .yml file.")
    return media_type
