"""The program's start: `nowline` and `python -m nowline` are the same."""

from __future__ import annotations

from nowline.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
