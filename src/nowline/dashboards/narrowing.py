"""Queries narrowed by filters from outside, as the page narrows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nowline.model.query import Query

Filters = Mapping[str, Sequence[str]]


def chosen(filters: Filters) -> dict[str, list[str]]:
    """The filters of a dashboard that narrow anything: there, a tag without values is free."""
    return {tag: list(values) for tag, values in filters.items() if values}


def met_together(one: Filters, other: Filters) -> dict[str, list[str]]:
    """Filters that let through what both do; a tag without values lets nothing through."""
    together = {tag: list(values) for tag, values in one.items()}
    for tag, values in other.items():
        own = together.get(tag)
        together[tag] = [v for v in own if v in values] if own is not None else list(values)
    return together


def narrowed(query: Query, filters: Filters) -> Query:
    """The query with filters beside its own; where both name a tag, both have to be met."""
    own = {tag: [v] if isinstance(v, str) else v for tag, v in query.filters.items()}
    return msgspec.structs.replace(query, filters=dict(met_together(own, filters)))
