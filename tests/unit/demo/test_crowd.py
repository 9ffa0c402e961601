from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.demo.crowd import customers, seller

NOON = 1_763_380_800


@given(st.integers(0, 2**32), st.integers(1_600_000_000, 1_900_000_000))
def test_a_visit_is_one_customer_who_is_always_the_same(seed: int, second: int) -> None:
    places = np.arange(300)
    people = customers(seed, places, second)
    assert customers(seed, places[7:8], second) == people[7:8]
    later = customers(seed, places, second + 60)
    stayed = sum(before == after for before, after in zip(people, later, strict=True))
    assert stayed > 240
    of_user = {person.user_id: person for person in people}
    for person in later:
        known = of_user.get(person.user_id, person)
        assert known.organization_id == person.organization_id
        assert known.ip_address == person.ip_address


def test_the_crowd_is_fixed_and_some_belong_to_organizations() -> None:
    seen = {
        person.user_id: person.organization_id
        for second in range(NOON, NOON + 86_400, 600)
        for person in customers(1, np.arange(100), second)
    }
    assert 900 < len(seen) <= 1000
    assert all(user.startswith("customer-") for user in seen)
    assert len(set(seen.values()) - {None}) == 6
    assert None in seen.values()


def test_sellers_are_few() -> None:
    assert len({seller(number, NOON).user_id for number in range(100)}) == 12
