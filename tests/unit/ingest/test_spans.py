"""Texts are told apart exactly, and a number is the one that Python reads."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from nowline.ingest.spans import (
    AFTER,
    BEFORE,
    MOST_BYTES,
    Body,
    Spans,
    distinct,
    numbers,
    whole_numbers,
)

DECIMAL = re.compile(rb"-?(?=.*[0-9])[0-9]*\.?[0-9]*")
WHOLE = re.compile(rb"-?[0-9]+i|[0-9]+u")


def spans(texts: list[bytes]) -> Spans:
    """The texts one after the other, with as little around them as there may be."""
    end = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64) + BEFORE - 1
    start = end - np.array([len(text) for text in texts], np.int64)
    return Spans(Body(b"~" * BEFORE + b" ".join([*texts, b"~" * AFTER])), start, end)


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"a", b"a\0", b"b" * MOST_BYTES])))
def test_texts_of_one_kind_are_the_same(texts: list[bytes]) -> None:
    kind, first = distinct(spans(texts))
    assert [texts[first[each]] for each in kind.tolist()] == texts
    assert len(first) == len(set(texts))


digits = st.text("0123456789", max_size=19)
decimals = st.tuples(st.sampled_from(["", "-"]), digits, st.sampled_from(["", "."]), digits).map(
    "".join
)
written = st.one_of(
    decimals,
    decimals.map(lambda text: text + "i"),
    digits.map(lambda text: text + "u"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.text("0123456789.-+eiu_xN/:", min_size=1, max_size=20),
).map(str.encode)


@given(st.lists(written.filter(bool), max_size=8))
@example([b"123456789012345", b"0.00000000000001", b"-.5", b"5.", b"-0", b"99999999.9999999"])
@example(
    [b".", b"-", b"-.", b"i", b"-i", b"1.5i", b"-1u", b"1..2", b"1.2.3", b"00000001.00000001."]
)
def test_a_number_is_the_one_that_python_reads(texts: list[bytes]) -> None:
    value, good = numbers(spans(texts))
    for text, found, is_good in zip(texts, value.tolist(), good.tolist(), strict=True):
        if is_good:
            exact = int(text[:-1]) if WHOLE.fullmatch(text) else float(text)
            assert (found, np.signbit(found)) == (float(exact), text.startswith(b"-"))
        elif DECIMAL.fullmatch(text) or WHOLE.fullmatch(text):
            # Read alone, as it has too many digits for this.
            assert len(text.strip(b"-iu").replace(b".", b"")) > 15


@given(st.lists(st.text("0123456789-/:a", max_size=21).map(str.encode), max_size=8))
@example([b"9999999999999999999", b"0", b"", b"12345678", b"00000000000000000001"])
def test_a_whole_number_is_digits_alone(texts: list[bytes]) -> None:
    value, good = whole_numbers(spans(texts))
    for text, found, is_good in zip(texts, value.tolist(), good.tolist(), strict=True):
        assert is_good == (text.isdigit() and len(text) <= 19)
        assert not is_good or found == int(text)
