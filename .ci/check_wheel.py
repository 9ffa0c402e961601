"""Check that the one wheel in a folder carries the built page, and say what it is."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

PAGE = "nowline/api/page/index.html"
SCANNER = "nowline/ingest/_native."


def main(folder: Path) -> int:
    """Print the wheel's name, size and scanner; 1 if the page is not in it."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    has_page = PAGE in names
    has_scanner = any(name.startswith(SCANNER) and name.endswith((".so", ".pyd")) for name in names)
    size = f"{wheel.stat().st_size / 1e6:.1f} MB, {'with' if has_scanner else 'no'} native scanner"
    verdict = size if has_page else f"{PAGE} is missing"
    sys.stdout.write(f"{wheel}: {verdict}\n")
    return 0 if has_page else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
