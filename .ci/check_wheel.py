"""Check that the one wheel in a folder carries the built page, and say its name and size."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PAGE = "nowline/api/page/index.html"


def main(folder: Path) -> int:
    """Print the wheel's name and size; 1 if the page is not in it."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        has_page = PAGE in archive.namelist()
    verdict = f"{wheel.stat().st_size / 1e6:.1f} MB" if has_page else f"{PAGE} is missing"
    sys.stdout.write(f"{wheel}: {verdict}\n")
    return 0 if has_page else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
