"""Builds the native modules along with the package; without them all works, only slower."""

from __future__ import annotations

import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension, errors

# A scanner of what comes in, and an encoder of what is answered.
MODULES = ("nowline.ingest._native", "nowline.model._native")
# The sources keep to what every Python from 3.11 on has: one build serves them all.
TAG = "cp311-abi3"


class NativeModules(BuildHookInterface[Any]):
    """What hatchling calls before it makes a wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the modules beside their sources; where that fails, say so and go on."""
        root = Path(self.root)
        try:
            built = [build(root, module) for module in MODULES]
        except (errors.BaseError, errors.CCompilerError, OSError) as error:
            self.app.display_warning(f"The native modules were not built: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"] += [f"/{each.relative_to(root).as_posix()}" for each in built]
        build_data["pure_python"] = False
        build_data["tag"] = f"{TAG}-{platform}"


def build(root: Path, module: str) -> Path:
    """Compile a module; where it is then.

    Raises:
        OSError: A file could not be written.
        setuptools.errors.BaseError: There is no compiler that works.
        setuptools.errors.CCompilerError: It failed, perhaps as Python's headers are missing.
    """
    source = Path(root, "src", *module.split(".")).with_suffix(".c")
    for old in source.parent.glob("_native.*"):
        if old.suffix in {".so", ".pyd"}:
            old.unlink()
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        extension = Extension(module, [str(source)], py_limited_api=True)
        command = Distribution({"ext_modules": [extension]}).get_command_obj("build_ext")
        command.build_lib = command.build_temp = folder
        command.ensure_finalized()
        command.run()
        made = Path(command.get_ext_fullpath(module))
        # At once: a server that runs has the old one in memory.
        return made.replace(source.parent / made.name)


if __name__ == "__main__":
    for each in MODULES:
        build(Path(__file__).parent, each)
