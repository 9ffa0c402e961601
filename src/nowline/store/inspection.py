"""What the embedded store holds and what that costs; of one at rest, without changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nowline.errors import Code, NowlineError
from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store import formats, registry, segments
from nowline.store.base import LevelState, StoreState
from nowline.store.hot import Run
from nowline.store.registry import FORMAT
from nowline.store.segments import Manifest


@dataclass(frozen=True, slots=True)
class Inspection:
    """A store at rest: what it holds, and what is wrong with its files."""

    state: StoreState
    faults: list[str]


def levels(
    manifest: Manifest, runs: Sequence[Run], keep_ms: Mapping[Level, int]
) -> dict[Level, LevelState]:
    """What is kept of each level in files; raw rows in memory are counted too."""
    return {level: _level(level, manifest, runs, keep_ms[level]) for level in Level}


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """One line for each file that the manifest names and that is not there, or not whole."""
    found = [(segment, _size(folder / segment.name)) for segment in manifest.segments]
    return [
        f"{folder / segment.name} is missing"
        if size is None
        else f"{folder / segment.name} has {size} bytes and should have {segment.size}"
        for segment, size in found
        if size != segment.size
    ]


def inspect(path: Path, keep_ms: Mapping[Level, int]) -> Inspection:
    """Look at the store at `path`, which no server uses.

    Raises:
        NowlineError: It cannot be opened, or another version wrote it.
    """
    try:
        with duckdb.connect(str(path), read_only=True) as db:
            found = formats.version(db)
            formats.refuse_other(found)
            manifest = registry.read_manifest(db) if found == FORMAT else Manifest()
    except duckdb.Error as error:
        reason = " ".join(str(error).split())
        raise NowlineError(Code.UNAVAILABLE, f"{path} cannot be read: {reason}") from error
    state = StoreState(0, 0.0, size_of(path, manifest), levels(manifest, [], keep_ms))
    return Inspection(state, faults(segments.folder_of(path), manifest))


def size_of(path: Path, manifest: Manifest) -> int:
    """The bytes of the DuckDB file, its write-ahead log and the segments."""
    main = sum(_size(each) or 0 for each in (path, segments.log_of(path)))
    return main + sum(segment.size for segment in manifest.segments)


def _level(level: Level, manifest: Manifest, runs: Sequence[Run], keep: int) -> LevelState:
    own = [segment for segment in manifest.segments if segment.kind.level is level]
    waiting = [run for run in runs if run.is_kept_raw] if level is Level.RAW else []
    oldest = [segment.oldest for segment in own if not segment.kind.binned]
    oldest += [run.oldest for run in waiting]
    return LevelState(
        rows=sum(s.rows for s in own if not s.kind.binned) + sum(map(len, waiting)),
        bytes=sum(segment.size for segment in own),
        oldest=min(oldest) // DAY_MS * DAY_MS if oldest else None,
        keep_ms=keep,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
