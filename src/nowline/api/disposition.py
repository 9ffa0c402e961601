"""How a file is called that a browser keeps (RFC 6266)."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

_MOST = 100


def disposition(name: str, ending: str) -> str:
    """The header of a file: a name in ASCII, and the full one where that says more (RFC 5987)."""
    ascii_name = f"{_words(name, only_ascii=True) or 'dashboard'}.{ending}"
    full = _words(name, only_ascii=False)
    header = f'attachment; filename="{ascii_name}"'
    if full and not full.isascii():
        header += f"; filename*=UTF-8''{quote(f'{full}.{ending}', safe='')}"
    return header


def file_stem(name: str) -> str:
    """What a file of a dashboard is called, without its ending; any file system has it."""
    return _words(name, only_ascii=False) or "dashboard"


def _words(name: str, *, only_ascii: bool) -> str:
    """Letters and digits; all else, which some file system will not have, is a hyphen."""
    if only_ascii:
        name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    chars = (
        char if char.isalnum() or unicodedata.category(char)[0] == "M" else " " for char in name
    )
    return "-".join("".join(chars).split())[:_MOST].strip("-")
