"""Lists of keys whose ids are kept, by the identity of the list."""

from __future__ import annotations

import numpy as np

from nowline.store.shared_keys import SharedKeys


def test_a_list_is_found_by_what_it_is_and_not_by_what_it_holds() -> None:
    shared, keys = SharedKeys(), [b"%d" % n for n in range(40)]
    ids = shared.keep(keys, np.arange(40))
    assert shared.get(keys) is ids
    assert shared.get(list(keys)) is None


def test_a_short_list_is_not_kept_and_of_many_only_some_are() -> None:
    shared = SharedKeys()
    short = [b"a"]
    shared.keep(short, np.zeros(1, np.int64))
    assert shared.get(short) is None
    many = [[b"%d" % n] * 40 for n in range(100)]
    for keys in many:
        shared.keep(keys, np.zeros(40, np.int64))
    kept = [keys for keys in many if shared.get(keys) is not None]
    assert many[-1] in kept
    assert len(kept) <= 16
