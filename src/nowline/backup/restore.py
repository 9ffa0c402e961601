"""A backup put in the place of a data folder: checked first, then swapped by renames."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nowline.backup import archive
from nowline.backup.archive import About, Archive, sync
from nowline.errors import Code, NowlineError
from nowline.lock import FILE_NAME as LOCK
from nowline.lock import DirectoryLock
from nowline.model.level import Level
from nowline.store import inspection, migrations, segments

_FOREVER = dict.fromkeys(Level, 1 << 60)
_ASIDE = "before-restore-"
# What a file system of its own has in it, and is no data.
_NO_DATA = {LOCK, "lost+found"}


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done.

    Attributes:
        about: The backup.
        aside: Where what was there before is now.
    """

    about: About
    aside: list[Path]


@dataclass(frozen=True, slots=True)
class Restore:
    """One backup and where it goes.

    Attributes:
        file: The backup.
        data_dir: The data folder.
        store_of: Where the DuckDB file is to be, given the backup's settings file, None if it has
            none.
        stamp: What the names of what is moved aside end with.
        replace: Whether what is there may be moved aside.
    """

    file: Path
    data_dir: Path
    store_of: Callable[[Path | None], Path]
    stamp: str
    replace: bool = False

    def run(self) -> Restored:
        """Restore it, or change nothing.

        Raises:
            LockedError: A server runs on the folder.
            NowlineError: There is data already, or the backup is not whole or too new.
            OSError: A file cannot be read or written.
        """
        with ExitStack() as stack:
            source = stack.enter_context(self.file.open("rb"))
            if self.data_dir.exists():
                lock = stack.enter_context(DirectoryLock.acquire(self.data_dir))
                lock.announce("restoring a backup")
            self._refuse_data([self.data_dir] if _data_in(self.data_dir) else [])
            opened = Archive(source, str(self.file))
            unpacked = stack.enter_context(self._unpacked(opened))
            # Until the end nobody else may start on what is in its place by then.
            stack.enter_context(DirectoryLock.acquire(unpacked))
            return Restored(opened.manifest.about, self._swap(unpacked))

    @contextmanager
    def _unpacked(self, opened: Archive) -> Iterator[Path]:
        """A folder with the checked content, on the file system of the data folder."""
        within = _is_fixed(self.data_dir)
        place = self.data_dir if within else self.data_dir.parent
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{self.data_dir.name}.restore-", dir=place))
        try:
            opened.unpack(folder)
            _check(folder, opened.manifest.about, self.file)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _swap(self, unpacked: Path) -> list[Path]:
        """Move what is there aside and the new in its place; all of it or nothing."""
        settings = unpacked / archive.SETTINGS
        store = self.store_of(settings if settings.exists() else None)
        with _Moves() as moves:
            aside = self._place_store(moves, unpacked, store)
            if _is_fixed(self.data_dir):
                aside += self._place_entries(moves, unpacked)
            else:
                aside += self._place_folder(moves, unpacked)
        sync(self.data_dir)
        sync(self.data_dir.parent)
        return aside

    def _place_store(self, moves: _Moves, unpacked: Path, store: Path) -> list[Path]:
        """Give the store the name and the place that the settings say."""
        if store.is_relative_to(self.data_dir):
            target, aside = unpacked / store.relative_to(self.data_dir), []
        else:
            files = (store, segments.log_of(store), segments.folder_of(store))
            there = [path for path in files if path.exists()]
            self._refuse_data(there)
            aside = [path.with_name(f"{path.name}.{_ASIDE}{self.stamp}") for path in there]
            for path, other in zip(there, aside, strict=True):
                moves.rename(path, other)
            target = store
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = unpacked / archive.STORE
        for old, new in (
            (source, target),
            (segments.folder_of(source), segments.folder_of(target)),
        ):
            if old.exists() and old != new:
                moves.bring(old, new)
        return aside

    def _place_folder(self, moves: _Moves, unpacked: Path) -> list[Path]:
        aside = self.data_dir.with_name(f"{self.data_dir.name}.{_ASIDE}{self.stamp}")
        had_data = _data_in(self.data_dir)
        if self.data_dir.exists():
            moves.rename(self.data_dir, aside)
        moves.rename(unpacked, self.data_dir)
        if had_data:
            return [aside]
        shutil.rmtree(aside, ignore_errors=True)
        return []

    def _place_entries(self, moves: _Moves, unpacked: Path) -> list[Path]:
        """The same where the folder itself cannot be renamed: a mount, or another's folder."""
        aside = self.data_dir / f"{_ASIDE}{self.stamp}"
        old = _data_in(self.data_dir)
        if old:
            aside.mkdir(mode=0o700)
        for entry in old:
            moves.rename(entry, aside / entry.name)
        for entry in _data_in(unpacked):
            moves.rename(entry, self.data_dir / entry.name)
        return [aside] if old else []

    def _refuse_data(self, there: list[Path]) -> None:
        if there and not self.replace:
            named = " and ".join(str(path) for path in there)
            raise NowlineError(
                Code.CONFLICT,
                f"There is data in {named}: give --replace to move it aside, or restore to"
                " another NOWLINE_DATA_DIR.",
            )


@dataclass(slots=True)
class _Moves:
    """Renames that are undone in the opposite order where a later one fails."""

    done: list[tuple[Path, Path]] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)

    def __enter__(self) -> _Moves:
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        if kind is not None:
            for old, new in reversed(self.done):
                new.rename(old)
            for copy in self.copies:
                _remove(copy)

    def rename(self, old: Path, new: Path) -> None:
        """Move within a file system."""
        old.rename(new)
        self.done.append((old, new))

    def bring(self, old: Path, new: Path) -> None:
        """Move to wherever: what is on another file system is copied beside its place first."""
        if old.stat().st_dev != new.parent.stat().st_dev:
            copy = new.with_name(f".{new.name}.restore")
            self.copies.append(copy)
            _copy_tree(old, copy)
            old = copy
        self.rename(old, new)
        sync(new.parent)


def _copy_tree(old: Path, new: Path) -> None:
    """Copy a file or a folder of files, safe on disk."""
    if old.is_dir():
        new.mkdir(mode=0o700)
        for each in old.iterdir():
            _copy_tree(each, new / each.name)
        sync(new)
        return
    with old.open("rb") as source:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _check(folder: Path, about: About, file: Path) -> None:
    """Make sure that this version can use what was unpacked.

    Raises:
        NowlineError: It cannot.
    """
    if about.documents_revision > migrations.HEAD:
        raise NowlineError(
            Code.CONFLICT,
            f"{file} is of Nowline {about.version}, with schema {about.documents_revision}, and"
            f" this one knows {migrations.HEAD} at most: restore it with that version.",
        )
    store = folder / archive.STORE
    if store.exists() and (faults := inspection.inspect(store, _FOREVER).faults):
        raise NowlineError(Code.INVALID, f"{file} is not whole: {faults[0]}.")


def _is_fixed(folder: Path) -> bool:
    """Whether a folder cannot be renamed: it is a mount, or the one above is not ours."""
    return folder.exists() and (
        folder.is_mount() or not os.access(folder.parent, os.W_OK | os.X_OK)
    )


def _data_in(folder: Path) -> list[Path]:
    """What a folder holds that is of use; what a restore moved aside there is not."""
    if not folder.exists():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name not in _NO_DATA
        and not path.name.startswith((_ASIDE, f".{folder.name}.restore-"))
    ]
