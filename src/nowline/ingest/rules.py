"""Which rows are refused (CONTRACT: ingest). Pure."""

from __future__ import annotations

MOST_NAME_BYTES = 255
MOST_TAGS = 32
MOST_TAG_KEY_BYTES = 128
MOST_TAG_VALUE_BYTES = 1024


def label_fault(name: str, tags: dict[str, str]) -> str | None:
    """What is wrong with a series' name or tags, led by the field; None if nothing is."""
    size = len(name.encode())
    if not name.strip():
        return "name: must not be empty"
    if size > MOST_NAME_BYTES:
        return f"name: is {size} bytes long; the limit is {MOST_NAME_BYTES}"
    return tags_fault(tags)


def tags_fault(tags: dict[str, str]) -> str | None:
    """What is wrong with tags, led by the field; None if nothing is."""
    if len(tags) > MOST_TAGS:
        return f"tags: there are {len(tags)}; the limit is {MOST_TAGS}"
    for key, value in tags.items():
        if not key:
            return "tags: a key must not be empty"
        if len(key.encode()) > MOST_TAG_KEY_BYTES:
            return f"tags: the key `{key[:32]}…` is over {MOST_TAG_KEY_BYTES} bytes"
        if len(value.encode()) > MOST_TAG_VALUE_BYTES:
            return f"tags.{key}: is over {MOST_TAG_VALUE_BYTES} bytes"
    return None
