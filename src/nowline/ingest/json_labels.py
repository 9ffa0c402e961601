"""The labels of rows of JSON, by the name, type and tags that are sent for them. Pure.

They are kept for the next time. Tags in another order or spacing are another text, and have a label
each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias, TypeVar

import msgspec

from nowline.ingest.columns import Label, Labels
from nowline.ingest.faults import UNDECODABLE, reason_of
from nowline.ingest.kept_labels import KeptLabels, KeptLists
from nowline.ingest.rules import MOST_TAGS, tags_fault
from nowline.model.series import MetricType

Kind: TypeAlias = tuple[str, MetricType | None, bytes]
"""Name, type and tags as they were sent."""
SentKind: TypeAlias = tuple[bytes, bytes, bytes]
"""The same, all as they were sent, without quotes; empty where there are none."""
Read: TypeAlias = tuple[list[Label], dict[int, str]]
"""The label of each kind, and by place what is wrong with those whose tags are not read."""

# Twice what as many tags as there may be take if every byte of them is escaped.
_MOST_TAGS_BYTES = 512 << 10
_TYPES = {b"": None} | {kind.value.encode(): kind for kind in MetricType}

_tags = msgspec.json.Decoder(dict[str, str])
_kept = KeptLabels[Kind]()
_kept_sent = KeptLabels[SentKind]()
_kept_lists = KeptLists()
_Key = TypeVar("_Key", Kind, SentKind)


def labels_of(kinds: Sequence[Kind]) -> Read:
    """The labels of these kinds."""
    return _labels(kinds, _kept, lambda kind: kind)


def labels_of_sent(sent: Hashable, kinds: Callable[[], Sequence[SentKind]]) -> Read | None:
    """The labels of these kinds; None if one has a name or a type that is not valid.

    Args:
        sent: All that was sent for them.
        kinds: The kinds, if they have to be read.
    """
    if (known := _kept_lists.get(sent)) is not None:
        return known, {}
    try:
        labels, bad = _labels(kinds(), _kept_sent, _decoded)
    except (UnicodeDecodeError, KeyError):
        return None
    return (labels, bad) if bad else (_kept_lists.keep(sent, Labels(labels)), bad)


def _labels(kinds: Sequence[_Key], kept: KeptLabels[_Key], decoded: Callable[[_Key], Kind]) -> Read:
    labels: list[Label] = []
    bad: dict[int, str] = {}
    for place, (kind, label) in enumerate(zip(kinds, map(kept.get, kinds), strict=True)):
        if label is None:
            label, fault = _read(*decoded(kind))  # noqa: PLW2901
            if fault is None:
                kept.keep(kind, len(kind[0]) + len(kind[2]), label)
            else:
                bad[place] = fault
        labels.append(label)
    return labels, bad


def _decoded(kind: SentKind) -> Kind:
    name, type_name, tags = kind
    return name.decode(), _TYPES[type_name], tags


def _read(name: str, kind: MetricType | None, raw: bytes) -> tuple[Label, str | None]:
    """A label, and what is wrong with its tags; None if nothing is."""
    tags, fault = _read_tags(raw) if raw and raw != b"null" else ({}, None)
    return Label(name, kind, tags), fault


def _read_tags(raw: bytes) -> tuple[dict[str, str], str | None]:
    """The tags, or what is wrong with them; millions of them are not kept only to be refused."""
    if len(raw) > _MOST_TAGS_BYTES:
        return {}, f"tags: are {len(raw)} bytes long; the limit is {_MOST_TAGS_BYTES}"
    try:
        tags = _tags.decode(raw)
    except UNDECODABLE as error:
        return {}, reason_of(error, "tags")
    fault = tags_fault(tags) if len(tags) > MOST_TAGS else None
    return ({}, fault) if fault else (tags, None)
