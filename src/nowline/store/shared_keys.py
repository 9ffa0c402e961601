"""The series ids of lists of keys that come again. Pure."""

from __future__ import annotations

from nowline.model.partials import Ints

# Fewer are looked up as fast; more lists are not shared by many batches.
_FEWEST_KEYS = 32
_MOST_LISTS = 16


class SharedKeys:
    """The ids of some lists of keys, by the identity of the list.

    Batches of the same labels share the list of their keys, and a series never gets another id.
    """

    def __init__(self) -> None:
        self._lists: dict[int, tuple[list[bytes], Ints]] = {}

    def get(self, keys: list[bytes]) -> Ints | None:
        """The ids of this very list, if they are kept."""
        found = self._lists.get(id(keys))
        return found[1] if found is not None and found[0] is keys else None

    def keep(self, keys: list[bytes], ids: Ints) -> Ints:
        """Keep the ids of a list, which does not change any more; they are returned."""
        if len(keys) >= _FEWEST_KEYS:
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            self._lists[id(keys)] = keys, ids
        return ids
