from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from nowline.errors import Code, NowlineError
from nowline.model.kpi import Bounds, Kpi, check, is_code

GOOD = Kpi(code="orders", name="Perfect orders", expression="1")


def kpi(**change: object) -> Kpi:
    return msgspec.structs.replace(GOOD, **change)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"code": "A.b_c-9"},
        {"code": "..."},
        {"code": "x" * 64},
        {"name": "Größe 😀"},
        {"unit": ""},
        {"unit": "€/min"},
        {"target": -1.5},
        {"rules": (Bounds(min=0), Bounds(max=0), Bounds(min=1, max=1))},
    ],
)
def test_a_good_one_is_accepted(change: dict[str, Any]) -> None:
    check(kpi(**change))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "."}, "code"),
        ({"code": ".."}, "code"),
        ({"code": "a/b"}, "code"),
        ({"code": "a b"}, "code"),
        ({"code": "größe"}, "code"),
        ({"code": "a\n"}, "code"),
        ({"code": "x" * 65}, "code"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"unit": "x" * 33}, "unit"),
        ({"unit": "\n"}, "unit"),
        ({"target": math.nan}, "target"),
        ({"rules": (Bounds(),)}, "rules[0]"),
        ({"rules": (Bounds(min=0), Bounds(min=2, max=1))}, "rules[1].min"),
        ({"rules": (Bounds(min=-math.inf),)}, "rules[0].min"),
        ({"rules": (Bounds(max=math.inf),)}, "rules[0].max"),
        ({"rules": (Bounds(min=0),) * 17}, "rules"),
    ],
)
def test_a_bad_one_names_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(NowlineError) as caught:
        check(kpi(**change))
    assert caught.value.code is Code.INVALID
    assert [error.field for error in caught.value.errors] == [field]


@pytest.mark.parametrize(
    ("rules", "value", "allowed"),
    [
        ((), 1e300, True),
        ((Bounds(min=1),), 1, True),
        ((Bounds(min=1),), 0.999, False),
        ((Bounds(max=1),), 1, True),
        ((Bounds(max=1),), 1.001, False),
        ((Bounds(min=0), Bounds(max=1)), -1, False),
        ((Bounds(min=0), Bounds(max=1)), 2, False),
        ((Bounds(min=0), Bounds(max=1)), 0.5, True),
    ],
)
def test_every_rule_has_to_allow_a_value(
    rules: tuple[Bounds, ...], value: float, allowed: bool
) -> None:
    assert kpi(rules=rules).allows(value) is allowed


def test_what_a_path_cannot_hold_is_no_code() -> None:
    assert [is_code(text) for text in ("a", "..", "a\0")] == [True, False, False]
