"""Builds the native scanner along with the package; without it everything works, only slower."""

from __future__ import annotations

import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension, errors

MODULE = "nowline.ingest._native"
SOURCE = Path("src/nowline/ingest/_native.c")
# The source keeps to what every Python from 3.11 on has: one build serves them all.
TAG = "cp311-abi3"


class NativeScanner(BuildHookInterface[Any]):
    """What hatchling calls before it makes a wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the scanner beside its source; where that fails, say so and go on."""
        source = Path(self.root, SOURCE)
        try:
            built = build(source)
        except (errors.BaseError, errors.CCompilerError, OSError) as error:
            self.app.display_warning(f"The native scanner was not built: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(f"/{built.relative_to(self.root).as_posix()}")
        build_data["pure_python"] = False
        build_data["tag"] = f"{TAG}-{platform}"


def build(source: Path) -> Path:
    """Compile the scanner; where it is then.

    Raises:
        OSError: A file could not be written.
        setuptools.errors.BaseError: There is no compiler that works.
        setuptools.errors.CCompilerError: It failed, perhaps as Python's headers are missing.
    """
    for old in source.parent.glob("_native.*"):
        if old.suffix in {".so", ".pyd"}:
            old.unlink()
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        extension = Extension(MODULE, [str(source)], py_limited_api=True)
        command = Distribution({"ext_modules": [extension]}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = folder
        command.ensure_finalized()
        command.run()
        made = Path(command.get_ext_fullpath(MODULE))
        # At once: a server that runs has the old one in memory.
        return made.replace(source.parent / made.name)


if __name__ == "__main__":
    build(Path(__file__).parent / SOURCE)
