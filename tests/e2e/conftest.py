"""A real Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import matplotlib as mpl
import pytest
from playwright.sync_api import Browser, sync_playwright

# Without a display, a sandbox of its own, or anything that it would ask of the internet.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Letters and colours as they are everywhere, whatever the machine is set to.
_ALIKE = ["--font-render-hinting=none", "--disable-lcd-text", "--force-color-profile=srgb"]
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  {folders}
  <cachedir>{cache}</cachedir>
  <match target="pattern">
    <edit name="family" mode="prepend" binding="strong"><string>Roboto</string></edit>
  </match>
</fontconfig>
"""


@contextmanager
def _launched(flags: list[str], **environment: str) -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "Chromium is missing: run tests/install-system-packages"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=flags, env={**os.environ, **environment}
        )
        yield running
        running.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium that `make test` installs; without it these tests fail, they do not skip."""
    with _launched(_FLAGS) as running:
        yield running


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium for pictures: it writes with the fonts that come with the packages."""
    folder = tmp_path_factory.mktemp("fonts")
    # The letters of exported files; signs that those lack are taken from the others.
    own = resources.files("nowline.render") / "fonts"
    folders = "".join(f"<dir>{one}</dir>" for one in (own, Path(mpl.get_data_path(), "fonts/ttf")))
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(folders=folders, cache=folder / "cache"))
    with _launched(_FLAGS + _ALIKE, FONTCONFIG_FILE=str(fonts)) as running:
        yield running
