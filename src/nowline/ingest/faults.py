"""What is wrong with JSON that does not decode, in words that begin with the field. Pure."""

from __future__ import annotations

import re

import msgspec

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises: wrong JSON or types, wrong UTF-8, more nesting than the stack holds."""
_AT = re.compile(r"(?: - at `\$(?:\[\.\.\.\])?\.?(?P<path>[^`]*)`)$")
_NAMED = re.compile(r"(?:unknown|required) field `(?P<field>[^`]*)`")


def explain(error: Exception) -> tuple[str, str]:
    """The field that a decoding error is about (empty for the row itself), and what is wrong."""
    text = str(error)
    at = _AT.search(text)
    message = text[: at.start()] if at else text
    path = at["path"] if at else ""
    named = _NAMED.search(message)
    if named:
        path = f"{path}.{named['field']}".lstrip(".")
        message = "unknown field" if "unknown" in message else "is missing"
    return path, message


def reason_of(error: Exception, under: str = "") -> str:
    """Why a row, or what is under a field of it, does not decode."""
    if isinstance(error, UnicodeDecodeError):
        return f"{under or 'row'}: not valid UTF-8"
    if isinstance(error, RecursionError):
        return f"{under or 'row'}: is nested too deeply"
    path, message = explain(error)
    field = ".".join(part for part in (under, path) if part)
    return f"{field or 'row'}: {message}"
