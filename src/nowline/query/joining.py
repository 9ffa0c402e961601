"""Rows of several parts as one, without putting in order again what is in order. Pure.

Most of what is put together is one long part, such as a block that was kept, and a few rows of the
edges: those are put where they belong, and only where both have rows of a bucket these are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Ints
from nowline.model.query import SECOND_MS
from nowline.query.merging import T

# A part that is so many times longer than the others together is not sorted again.
_LONGER = 4
# Seconds since the epoch need no more bits.
_KEY_SHIFT = 40


def joined(parts: Sequence[T], merge: Callable[[Sequence[T]], T]) -> T:
    """The rows of all parts, those of the same key and bucket made one, in order.

    Args:
        parts: Each in order, and no bucket twice; buckets are whole seconds.
        merge: The same, for parts in any order.
    """
    filled = [part for part in parts if len(part)]
    if len(filled) == 1:
        return filled[0]
    sizes = [len(part) for part in filled]
    longest = max(sizes, default=0)
    if longest < _LONGER * (sum(sizes) - longest) or not filled:
        return merge(parts)
    return _put_in(filled, sizes.index(longest), merge)


def _put_in(parts: list[T], at: int, merge: Callable[[Sequence[T]], T]) -> T:
    """The long part with the rows of the others in their places."""
    long, codes = parts[at], _codes(parts[at])
    others = np.unique(np.concatenate([_codes(each) for each in parts if each is not long]))
    first = np.searchsorted(codes, others)
    touched = _stretches(first, np.searchsorted(codes, others, side="right"))
    new = merge([_taken(long, touched) if each is long else each for each in parts])
    left = np.delete(np.arange(len(long)), touched)
    return _interleaved(long, left, new, np.searchsorted(codes[left], _codes(new)))


def _interleaved(long: T, left: Ints, new: T, before: Ints) -> T:
    """Rows of the long part and new ones, each before the one of those left that is told."""
    order = np.empty(len(left) + len(new), np.int64)
    is_new = np.zeros(len(order), np.bool_)
    is_new[before + np.arange(len(new))] = True
    order[is_new] = len(long) + np.arange(len(new))
    order[~is_new] = left
    columns = (
        np.concatenate((getattr(long, each.name), getattr(new, each.name)))[order]
        for each in fields(long)
    )
    return type(long)(*columns)


def _taken(rows: T, index: Ints) -> T:
    return type(rows)(*(getattr(rows, each.name)[index] for each in fields(rows)))


def _stretches(first: Ints, last: Ints) -> Ints:
    """All indices of the stretches `[first, last)`, which are in order and apart."""
    lengths = last - first
    before = np.cumsum(lengths) - lengths
    return np.repeat(first - before, lengths) + np.arange(lengths.sum())


def _codes(rows: T) -> Ints:
    """One number for each (key, bucket), in their order."""
    codes: NDArray[np.int64] = (rows.key << _KEY_SHIFT) + rows.bucket // SECOND_MS
    return codes
