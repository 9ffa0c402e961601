"""The file of a backup: a tar of known members, with a manifest of their sums at its end.

Nothing in it is compressed: what is large, the segments, is compressed already. The manifest comes
last, so that a backup is written in one pass without knowing the sums before, and so that one that
was cut short has none.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from nowline.errors import Code, NowlineError
from nowline.store import copying, segments

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
LOG: Final = "log.sqlite"
DOCUMENTS: Final = "documents.sqlite"
ACTIVITY: Final = "activity.sqlite"
STORE: Final = copying.FILE_NAME
SEGMENTS: Final = segments.folder_of(Path(STORE)).name
SETTINGS: Final = "nowline.toml"
SIGNING_KEY: Final = "secret.key"

_FILES = (STORE, LOG, ACTIVITY, DOCUMENTS, SETTINGS, SIGNING_KEY)
_SEGMENT = re.compile(
    rf"{re.escape(SEGMENTS)}/[A-Za-z0-9][A-Za-z0-9_-]*{re.escape(segments.FILE_ENDING)}"
)
_CHUNK = 1 << 20
_MOST_MANIFEST = 64 << 20


class About(msgspec.Struct, frozen=True):
    """What a backup says of itself.

    Attributes:
        version: The Nowline that made it.
        created_at: When, RFC 3339.
        log_id: Which log its rows came from; empty without a log.
        log_offset: The offset up to which rows are in the store.
        documents_revision: The schema of the documents database; empty without one.
    """

    version: str
    created_at: str
    log_id: str
    log_offset: int
    documents_revision: str


class Member(msgspec.Struct, frozen=True):
    """One file of a backup: its name, its bytes, and their SHA-256 in hexadecimal."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """The last member: what the backup is, and what has to be in it."""

    format: int
    about: About
    members: list[Member]


class _Format(msgspec.Struct, frozen=True):
    """All that is certain of the manifest of a later version."""

    format: int


def pack(folder: Path, about: About, mtime: int) -> Iterator[bytes]:
    """The archive of all files in a folder, piece by piece.

    Args:
        folder: Files that do not change meanwhile, named as in a backup.
        about: What the manifest is to say.
        mtime: The time that members get, epoch seconds.
    """
    members = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            members.append((yield from _pack_file(path, name, mtime)))
    content = msgspec.json.encode(Manifest(FORMAT, about, members))
    yield _header(MANIFEST, len(content), mtime)
    yield content + _padding(len(content))
    # Two empty blocks end a tar.
    yield bytes(2 * tarfile.BLOCKSIZE)


class Archive:
    """A backup's file, its headers read and found to be in order.

    Args:
        file: The file, opened for reading; seekable.
        name: What errors call it.

    Raises:
        NowlineError: It is no backup, is not whole, or a later version made it.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - the file's owner closes
            headers = self._tar.getmembers()
        except (tarfile.TarError, EOFError) as error:
            raise self._refusal(f"is no backup, or is not whole ({error})") from error
        self._headers = self._checked(headers)
        self.manifest = self._read_manifest()
        self._compare()

    def unpack(self, folder: Path) -> None:
        """Write all members to an empty folder, for their owner only, safe on disk.

        Raises:
            NowlineError: A member is not what the manifest says; the folder is to be removed.
        """
        (folder / SEGMENTS).mkdir(mode=0o700)
        for member in self.manifest.members:
            if self._unpack(member, folder / member.name) != member.sha256:
                raise self._refusal(f"is damaged: {member.name} is not what was backed up")
        for each in (folder / SEGMENTS, folder):
            sync(each)

    def _checked(self, headers: list[tarfile.TarInfo]) -> dict[str, tarfile.TarInfo]:
        """The headers by name: plain files with the names that a backup has, each once."""
        for header in headers:
            known = header.name in {*_FILES, MANIFEST} or _SEGMENT.fullmatch(header.name)
            if not header.isreg() or header.issparse() or not known:
                raise self._refusal(f"is no backup: it has {header.name!r} in it")
        found = {header.name: header for header in headers}
        if len(found) < len(headers):
            raise self._refusal("is no backup: it has a file twice")
        if MANIFEST not in found or headers[-1].name != MANIFEST:
            raise self._refusal("is not whole: it has no manifest at its end")
        return found

    def _read_manifest(self) -> Manifest:
        content = self._content(self._headers[MANIFEST])
        try:
            made = msgspec.json.decode(content, type=_Format).format
            if made > FORMAT:
                raise self._refusal(
                    f"has format {made}, and this Nowline knows {FORMAT} at most: restore it with"
                    " a newer version"
                )
            return msgspec.json.decode(content, type=Manifest)
        except msgspec.DecodeError as error:
            raise self._refusal(f"is damaged: its manifest cannot be read ({error})") from error

    def _content(self, header: tarfile.TarInfo) -> bytes:
        file = self._tar.extractfile(header)
        if header.size > _MOST_MANIFEST or file is None:
            raise self._refusal("is damaged: its manifest is too large")
        content = file.read()
        if len(content) < header.size:
            raise self._refusal("is not whole: it ends within its manifest")
        return content

    def _compare(self) -> None:
        told = {member.name: member.size for member in self.manifest.members}
        found = {n: header.size for n, header in self._headers.items() if n != MANIFEST}
        if told != found or len(told) < len(self.manifest.members):
            raise self._refusal("is damaged: its manifest lists other files than it has")

    def _unpack(self, member: Member, path: Path) -> str:
        source = self._tar.extractfile(self._headers[member.name])
        assert source is not None  # noqa: S101 - for the type checker: a regular file has one
        digest = hashlib.sha256()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            try:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    target.write(chunk)
            except tarfile.ReadError as error:
                raise self._refusal(f"is not whole: it ends within {member.name}") from error
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()

    def _refusal(self, reason: str) -> NowlineError:
        return NowlineError(Code.INVALID, f"{self._name} {reason}.")


def sync(folder: Path) -> None:
    """Make what is in a folder, as far as names go, safe on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pack_file(path: Path, name: str, mtime: int) -> Generator[bytes, None, Member]:
    digest = hashlib.sha256()
    size = path.stat().st_size
    yield _header(name, size, mtime)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            yield chunk
    if padding := _padding(size):
        yield padding
    return Member(name, size, digest.hexdigest())


def _header(name: str, size: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
