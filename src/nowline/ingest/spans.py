"""Many short texts in one body at once: which are the same, and what numbers they are. Pure.

A text is a span of the body, its start and end; no object is made for it. All are looked at
together, eight bytes at a time: a word has as its lowest byte the one that comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

BEFORE = 24
"""How many bytes there must be before the first text, at least."""
AFTER = 8
"""How many bytes there must be after the last one, at least."""
MOST_BYTES = 511
"""How long texts may be of which `distinct` is asked."""

_U = np.uint64
_SIZE = 8
# By count, the words whose first or last so many bytes are all ones.
_FIRST = np.array([(1 << _SIZE * n) - 1 for n in range(_SIZE + 1)], _U)
_LAST = ~_FIRST[::-1]
# Multilinear hashing. Any odd factors will do: what has one hash is compared after all.
_FACTORS = np.random.default_rng(0).integers(1 << 63, size=MOST_BYTES // 8 + 2, dtype=_U) * _U(
    2
) + _U(1)
_ONES = 0x0101010101010101
_ZERO, _ZEROS, _POINTS = _U(ord("0")), _U(_ONES * ord("0")), _U(_ONES * ord("."))
_HIGH, _BELOW_HIGH = _U(_ONES * 0x80), _U(_ONES * 0x7F)
_PAIRS = _U(0x000000FF000000FF)
_BYTE, _TOP = _U(8), _U(56)
_MOST_DIGITS = 19
# As whole numbers, floats of so many digits are exact, and so is the power of ten to divide them
# by; the quotient is then the float that is nearest to the text (Clinger 1990, "fast path").
_EXACT_DIGITS = 15
_POWERS = 10.0 ** np.arange(2 * _SIZE + 1)
_floats = msgspec.json.Decoder(list[float])


class Body:
    """Bytes with texts in them.

    Attributes:
        raw: The bytes, with room before and after the texts.
        codes: The same as an array.
        words: The word that begins at each byte.
    """

    __slots__ = ("codes", "raw", "words")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.codes: Bytes = np.frombuffer(raw, np.uint8)
        self.words: Words = np.ndarray((len(raw) - _SIZE + 1,), "<u8", raw, strides=(1,))


@dataclass(frozen=True, slots=True)
class Spans:
    """Some texts of a body.

    Attributes:
        body: The body.
        start: Where each begins.
        end: Where it ends.
    """

    body: Body
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.start)

    @property
    def length(self) -> Ints:
        """How long each is."""
        return self.end - self.start

    def where(self, chosen: Mask) -> Spans:
        """Some of them."""
        return Spans(self.body, self.start[chosen], self.end[chosen])

    def texts(self, which: Ints) -> list[bytes]:
        """Some of them as objects."""
        raw = self.body.raw
        places = zip(self.start[which].tolist(), self.end[which].tolist(), strict=True)
        return [raw[start:end] for start, end in places]


def distinct(spans: Spans) -> tuple[Ints, Ints]:
    """Kinds of texts that are the same; very rarely there are two kinds of one text.

    Returns:
        For each text the number of its kind, and for each kind the place of one of its texts.
    """
    words = list(_words_of(spans))
    if all((word == word[:1]).all() for word in words):
        return np.zeros(len(spans), np.int64), np.arange(min(len(spans), 1))
    mixed = np.zeros(len(spans), _U)
    for word, factor in zip(words, _FACTORS, strict=False):
        mixed += word * factor
    order = np.argsort(mixed)
    begins = np.zeros(len(spans), bool)
    begins[0] = True
    for word in words:
        ordered = word[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    kind = np.empty(len(spans), np.int64)
    kind[order] = np.cumsum(begins) - 1
    return kind, order[begins]


def numbers(spans: Spans) -> tuple[Floats, Mask]:
    """Numbers such as `12`, `-0.5`, `1e-9`, or with a suffix that says they are whole, `12i`.

    Returns:
        The value of each text, and which texts were understood.
    """
    last = spans.body.codes[spans.end - 1]
    is_unsigned = last == ord("u")
    is_whole = is_unsigned | (last == ord("i"))
    is_negative = spans.body.codes[spans.start] == ord("-")
    bare = Spans(spans.body, spans.start + is_negative, spans.end - is_whole)
    value, has_point, good = _decimals(bare)
    good &= ~(is_whole & has_point) & ~(is_unsigned & is_negative)
    np.negative(value, out=value, where=is_negative)
    others = np.flatnonzero(~good & ~is_whole)
    if len(others) and (read := _read(spans.texts(others))) is not None:
        value[others], good[others] = read, True
    return value, good


def whole_numbers(spans: Spans) -> tuple[Words, Mask]:
    """Whole numbers of up to 19 digits, without a sign.

    Returns:
        The value of each text, and which texts were understood.
    """
    length = spans.length
    value = np.zeros(len(spans), _U)
    good = (length > 0) & (length <= _MOST_DIGITS)
    for back in range(0, _MOST_DIGITS, _SIZE):
        part, is_good = _digits(_last_word(spans, length, back))
        value += part * _U(10**back)
        good &= is_good
    return value, good


def _decimals(spans: Spans) -> tuple[Floats, Mask, Mask]:
    """The value of each text, whether it has a point, and whether it is digits and a point.

    The digits before a point are moved one on, so that it is gone; the value is then the number
    of all digits, divided by the power of ten for those after the point.
    """
    length = spans.length
    high, low = _last_word(spans, length, _SIZE), _last_word(spans, length, 0)
    high_point, low_point = _point_in(high), _point_in(low)
    points = np.bitwise_count(high_point) + np.bitwise_count(low_point)
    in_low, in_high = low_point != 0, high_point != 0
    new_low, low_places = _closed(low, low_point, high >> _TOP)
    new_high, high_places = _closed(high, high_point, _ZERO)
    low_part, low_good = _digits(np.where(in_low, new_low, low))
    high = np.where(in_low, high << _BYTE | _ZERO, np.where(in_high, new_high, high))
    high_part, high_good = _digits(high)
    digits = length - points
    good = low_good & high_good & (points <= 1) & (digits > 0) & (digits <= _EXACT_DIGITS)
    places = np.where(in_low, low_places, np.where(in_high, high_places + _SIZE, 0))
    mantissa = (high_part * _U(10**_SIZE) + low_part).astype(np.float64)
    return mantissa / _POWERS[places], points > 0, good


def _closed(word: Words, point: Words, first: Words | np.uint64) -> tuple[Words, Ints]:
    """The word without its point, begun with another byte, and how many bytes are after that."""
    before = (point >> _U(7)) - _U(1)
    through = before << _BYTE | _U(0xFF)
    places = _SIZE - np.bitwise_count(through) // _SIZE
    return word & ~through | (word & before) << _BYTE | first, places.astype(np.int64)


def _point_in(word: Words) -> Words:
    """The highest bit of each byte that is a point."""
    rest = word ^ _POINTS
    return ~((rest & _BELOW_HIGH) + _BELOW_HIGH | rest | _BELOW_HIGH)


def _digits(word: Words) -> tuple[Words, Mask]:
    """The numbers that words of eight digits are, and which words are such."""
    rest = word ^ _ZEROS
    good = (rest + _U(_ONES * 0x76) | rest) & _HIGH == 0
    pairs = rest * _U(10) + (rest >> _BYTE)
    upper = (pairs & _PAIRS) * _U(100 + (1_000_000 << 32))
    lower = (pairs >> _U(16) & _PAIRS) * _U(1 + (10_000 << 32))
    return (upper + lower) >> _U(32), good


def _last_word(spans: Spans, length: Ints, back: int) -> Words:
    """The last bytes of each text but so many, after zeros where there are fewer than eight."""
    own = _LAST[np.clip(length - back, 0, _SIZE)]
    return spans.body.words[spans.end - (_SIZE + back)] & own | _ZEROS & ~own


def _words_of(spans: Spans) -> Iterator[Words]:
    """The words of each text, filled up with nulls; at last its length."""
    length = spans.length
    most = len(spans.body.words) - 1
    for at in range(0, int(length.max(initial=0)), _SIZE):
        own = _FIRST[np.clip(length - at, 0, _SIZE)]
        yield spans.body.words[np.minimum(spans.start + at, most)] & own
    yield length.astype(_U)


def _read(texts: list[bytes]) -> list[float] | None:
    """Numbers as JSON has them; None if one of the texts is none, or too large for a float."""
    try:
        read = _floats.decode(b"[" + b",".join(texts) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if len(read) == len(texts) else None
