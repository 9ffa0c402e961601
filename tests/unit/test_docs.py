"""What the pages about the command line and the settings say is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nowline.config import load
from nowline.config.sources import DEFAULTS, label_of

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["configuration.md", "operations.md"])
def test_commands_of_a_page_run_one_after_the_other(page: str, tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    commands = blocks(page, "sh")
    assert commands
    for command in commands:
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", command],
            input="correct horse battery\n",
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_every_setting_is_documented_with_its_default() -> None:
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (`NOWLINE_[^|]*) \| ([^|]*) \|", text, re.MULTILINE))
    documented = {
        name: default.strip("`")
        for names, default in rows.items()
        for name in re.findall(r"`([A-Z_]+)`", names)
    }
    assert set(documented) == {label_of(name) for name in DEFAULTS}
    for name, default in DEFAULTS.items():
        if default:
            assert documented[label_of(name)] == default


def test_the_file_of_the_documentation_is_read(tmp_path: Path) -> None:
    (example,) = blocks("configuration.md", "toml")
    file = tmp_path / "nowline.toml"
    file.write_text(example)
    settings = load({}, file=file)
    written = {line.split(" = ")[0] for line in example.splitlines()}
    assert written == {name for name, origin in settings.origins.items() if origin == str(file)}
