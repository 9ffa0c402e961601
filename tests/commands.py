"""Commands of the program, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run(
    folder: Path, *arguments: str | Path, **settings: str
) -> subprocess.CompletedProcess[bytes]:
    """One command on a data folder."""
    return fed(b"", folder, *arguments, **settings)


def fed(
    given: bytes, folder: Path, *arguments: str | Path, **settings: str
) -> subprocess.CompletedProcess[bytes]:
    """The same, with this on its standard input."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("NOWLINE_")}
    return subprocess.run(
        [sys.executable, "-m", "nowline", *map(str, arguments)],
        env={**outside, "NOWLINE_DATA_DIR": str(folder), **settings},
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )


def back_up(folder: Path, file: Path) -> Path:
    """A backup of the folder, which is made without a fault."""
    done = run(folder, "backup", file)
    assert done.returncode == 0, done.stderr
    return file


def restore(folder: Path, file: Path, *options: str) -> str:
    """Restore without a fault; returns what was said."""
    done = run(folder, "restore", file, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def refused(folder: Path, *arguments: str | Path, **settings: str) -> str:
    """The one line that a command says that fails."""
    done = run(folder, *arguments, **settings)
    assert done.returncode == 1, done.stdout
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    return line


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The files of a folder and what is in them, without the lock."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "nowline.lock"
    }
