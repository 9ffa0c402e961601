"""Many short texts in one body at once: which are the same, and what numbers they are. Pure.

A text is a span of the body, its start and end; no object is made for it. Each is looked at
through a window of fixed width, so that one operation of NumPy does all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model.partials import Floats, Ints

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

BEFORE = 24
"""How many bytes there must be before the first text, at least."""
MOST_BYTES = 511
"""How long texts may be of which `distinct` is asked."""
AFTER = MOST_BYTES + 9
"""How many bytes there must be after the start of the last text, at least."""

_WORD = 8
_KEEP = np.array([(1 << 8 * i) - 1 for i in range(_WORD + 1)], np.uint64)
# Multilinear hashing. Any odd factors will do: what has one hash is compared after all.
_FACTORS = np.random.default_rng(0).integers(1 << 63, size=66, dtype=np.uint64) * 2 + 1
# As whole numbers, floats of so many digits are exact, and so is the power of ten to divide them
# by; the quotient is then the float that is nearest to the text (Clinger 1990, "fast path").
_EXACT_DIGITS = 15
_WIDTH = _EXACT_DIGITS + 1
_MOST_DIGITS = 19
_POWERS = 10.0 ** np.arange(_MOST_DIGITS)
_ZERO, _POINT = ord("0"), ord(".") - ord("0") & 0xFF


def _weights() -> Floats:
    """By the place of the point in a window, what a digit at each place counts.

    The last row is that of a window without a point.
    """
    place, point = np.arange(_WIDTH), np.arange(_WIDTH + 1)[:, None]
    is_left = (place < point) & (point < _WIDTH)
    weights = 10.0 ** np.maximum(_WIDTH - 1 - place - is_left, 0)
    weights[place == point] = 0
    return weights


_WEIGHTS = _weights()
_floats = msgspec.json.Decoder(list[float])


class Body:
    """Bytes with texts in them.

    Attributes:
        raw: The bytes, with room before and after the texts.
        codes: The same as an array.
    """

    __slots__ = ("codes", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.codes: Bytes = np.frombuffer(raw, np.uint8)


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
    """Which texts are the same.

    Returns:
        For each text the number of its kind, and for each kind the place of one of its texts.
    """
    words = _words(spans)
    mixed = words @ _FACTORS[: words.shape[1]]
    order = np.argsort(mixed)
    ordered = mixed[order]
    begins = np.ones(len(spans), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    kind = np.empty(len(spans), np.int64)
    kind[order] = np.cumsum(begins) - 1
    first = order[begins]
    if (words.take(first.take(kind), axis=0) == words).all():
        return kind, first
    return distinct_texts(spans)


def distinct_texts(spans: Spans) -> tuple[Ints, Ints]:
    """The same, with an object for each text: for texts that differ and have one hash."""
    texts = spans.texts(np.arange(len(spans)))
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    kind = np.fromiter((numbers[text] for text in texts), np.int64, len(texts))
    return kind, np.unique(kind, return_index=True)[1]


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


def whole_numbers(spans: Spans, dropped: int) -> tuple[Floats, Mask]:
    """Whole numbers of up to 19 digits without a sign, less their last `dropped` digits.

    Returns:
        The value of each text, and which texts were understood.
    """
    length = spans.length
    width = min(int(length.max(initial=1)), _MOST_DIGITS)
    digits, inside = _digits(spans, width)
    good = ((digits <= 9) | ~inside).all(axis=1) & (length > 0) & (length <= width)
    good &= length <= dropped + _EXACT_DIGITS
    kept = max(width - dropped, 0)
    value: Floats = np.einsum("ij,j->i", (digits * inside)[:, :kept], _POWERS[:kept][::-1])
    return value, good


def _decimals(spans: Spans) -> tuple[Floats, Mask, Mask]:
    """The value of each text, whether it has a point, and whether it is digits and a point."""
    length = spans.length
    width = min(int(length.max(initial=1)), _WIDTH)
    digits, inside = _digits(spans, width)
    is_point, is_digit = (digits == _POINT) & inside, (digits <= 9) & inside
    points, count = is_point.sum(axis=1), is_digit.sum(axis=1)
    good = (points <= 1) & (points + count == length) & (count > 0) & (count <= _EXACT_DIGITS)
    at = np.where(points == 0, width, is_point.argmax(axis=1))
    weights = _WEIGHTS[_WIDTH - width :, _WIDTH - width :].take(at, axis=0)
    mantissa = np.einsum("ij,ij->i", (digits * is_digit).astype(np.float64), weights)
    return mantissa / _POWERS.take(np.maximum(width - 1 - at, 0)), points > 0, good


def _read(texts: list[bytes]) -> list[float] | None:
    """Numbers as JSON has them; None if one of the texts is none, or too large for a float."""
    try:
        read = _floats.decode(b"[" + b",".join(texts) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if len(read) == len(texts) else None


def _digits(spans: Spans, width: int) -> tuple[Bytes, Mask]:
    """By text, the values of its last digits, and which of them are its own.

    Whatever is no digit has a value above 9.
    """
    digits = _windows(spans.body, spans.end - width, width) - np.uint8(_ZERO)
    return digits, np.arange(width) >= width - spans.length[:, None]


def _words(spans: Spans) -> NDArray[np.uint64]:
    """Each text as words, filled up with zeros, and its length as one more."""
    length = spans.length
    count = int(length.max(initial=0)) // _WORD + 1
    words = np.empty((len(spans), count + 1), np.uint64)
    words[:, count] = length
    left = np.clip(length[:, None] - _WORD * np.arange(count), 0, _WORD)
    windows = _windows(spans.body, spans.start, count * _WORD).view("<u8")
    np.bitwise_and(windows, _KEEP.take(left), out=words[:, :count])
    return words


def _windows(body: Body, start: Ints, width: int) -> Bytes:
    """So many bytes from each place on, as rows."""
    shape = (len(body.raw) - width + 1,)
    every: NDArray[np.void] = np.ndarray(shape, f"V{width}", body.raw, strides=(1,))
    # Not `take`, which would first copy every window there is.
    return every[start].view(np.uint8).reshape(-1, width)
