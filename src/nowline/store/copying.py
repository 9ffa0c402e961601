"""Copies of the embedded store: of one that is in use, and of one at rest.

A segment never changes, so it is linked where the file system can; only the DuckDB file, which
says what there is, is written anew.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import duckdb

from nowline.store import formats, registry, segments
from nowline.store.registry import FORMAT, Progress
from nowline.store.segments import Manifest

FILE_NAME = "nowline.duckdb"
"""The DuckDB file of a copy; segments are in the folder beside it, as always."""

# Another device, or a file system that has no links or no more of them.
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EACCES}


def copy(db: duckdb.DuckDBPyConnection, source: Path, folder: Path) -> Progress:
    """Copy a store in use; in the thread of its writer, while no file goes.

    Args:
        db: Its database.
        source: The folder of its segments.
        folder: Where the copy goes.
    """
    registry.copy(db, folder / FILE_NAME)
    _link(registry.read_manifest(db), source, folder)
    return registry.read_progress(db)


def copy_at_rest(path: Path, folder: Path) -> Progress:
    """Copy a store that nobody uses, and leave it as it is.

    Args:
        path: Its DuckDB file.
        folder: Where the copy goes; it stays empty where there is no such file.

    Raises:
        NowlineError: Another version wrote it.
    """
    if not path.exists():
        return Progress()
    target = folder / FILE_NAME
    shutil.copyfile(path, target)
    if (log := segments.log_of(path)).exists():
        shutil.copyfile(log, segments.log_of(target))
    # Opened for writing, so that what was still in the write-ahead log is in the file then.
    with duckdb.connect(str(target)) as db:
        found = formats.version(db)
        formats.refuse_other(found)
        if found == FORMAT:
            registry.make_tables(db)
            _link(registry.read_manifest(db), segments.folder_of(path), folder)
        return registry.read_progress(db)


def _link(manifest: Manifest, source: Path, folder: Path) -> None:
    target = segments.folder_of(folder / FILE_NAME)
    target.mkdir(mode=0o700)
    for segment in manifest.segments:
        _link_or_copy(source / segment.name, target / segment.name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        shutil.copyfile(source, target)
