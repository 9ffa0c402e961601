"""Versions as entity tags, and the requests that depend on them (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

import re

_ANY = "*"
_TAG = re.compile(r'(W/)?"([^"]*)"')


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def expected(if_match: str | None) -> frozenset[int] | None:
    """The versions that an `If-Match` allows; None for any. Weak tags match nothing."""
    if if_match is None or if_match.strip() == _ANY:
        return None
    strong = (tag for weak, tag in _TAG.findall(if_match) if not weak)
    return frozenset(int(tag) for tag in strong if tag.isascii() and tag.isdigit())


def is_known(if_none_match: str | None, version: int) -> bool:
    """Whether an `If-None-Match` says that the client has this version."""
    if if_none_match is None:
        return False
    tags = {tag for _, tag in _TAG.findall(if_none_match)}
    return if_none_match.strip() == _ANY or str(version) in tags
