"""The native modules are there where they can be built, and are not needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from nowline.ingest import native
from nowline.model import points

ROOT = Path(__file__).parents[3]
UV = shutil.which("uv", path=f"{ROOT / '.venv/bin'}:{os.environ['PATH']}")


def can_compile() -> bool:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(compiler) is not None and header.exists()


@pytest.mark.skipif(not can_compile(), reason="there is no compiler, or Python has no headers")
def test_they_are_built_where_they_can_be() -> None:
    assert native.IS_BUILT
    assert points.IS_NATIVE


def built_wheel(folder: Path, **environment: str) -> Path:
    """The wheel of this source, built in a folder of its own."""
    unwanted = shutil.ignore_patterns("page", "__pycache__", "_native*.so")
    shutil.copytree(ROOT / "src", folder / "src", ignore=unwanted)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    assert UV is not None
    command = [UV, "build", "--wheel", "--out-dir", str(folder / "dist"), str(folder)]
    subprocess.run(command, env=os.environ | environment, capture_output=True, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def modules(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]


@pytest.mark.skipif(not can_compile(), reason="there is no compiler, or Python has no headers")
def test_one_wheel_serves_all_versions_of_python(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path)
    assert "-cp311-abi3-" in wheel.name
    assert len(modules(wheel)) == 2


def test_without_a_compiler_the_wheel_is_for_any_machine(tmp_path: Path) -> None:
    wheel = built_wheel(tmp_path, CC="false")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert modules(wheel) == []
