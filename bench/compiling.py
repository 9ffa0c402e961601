"""Programs in C that a measurement needs, compiled when it begins."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_NEEDED = "This measurement needs a C compiler and zlib: apt-get install gcc libc6-dev zlib1g-dev"


def compiled(name: str, folder: Path) -> Path:
    """The program of `bench/<name>.c`, in a folder.

    Raises:
        SystemExit: There is no compiler, or it refuses.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit(_NEEDED)
    program = folder / name
    command = [compiler, "-O2", "-o", str(program), str(_HERE / f"{name}.c"), "-lz"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"`{' '.join(command)}` failed. {_NEEDED}")
    return program
