"""The series of batches as bytes; those that batch after batch has are packed once. Pure."""

from __future__ import annotations

import msgspec
import zstandard

from nowline.model.series import MetricType

# Fewer are packed in no time. More than these are too much to hold on to.
_FEWEST_KEPT, _MOST_KEPT = 32, 20_000
_MOST_LISTS = 16
# Shorter texts do not become much shorter.
_LEAST_BYTES = 512
_COMPRESSION = 1


class SeriesList(msgspec.Struct, frozen=True, array_like=True):
    """Keys and types of series.

    Attributes:
        packed: Both, as MessagePack.
        is_compressed: Whether that is compressed with Zstandard.
    """

    packed: bytes
    is_compressed: bool

    @classmethod
    def of(cls, keys: list[bytes], types: list[MetricType]) -> SeriesList:
        """Pack keys and their types."""
        packed = _encoder.encode((keys, types))
        if len(packed) < _LEAST_BYTES:
            return cls(packed, False)
        return cls(zstandard.ZstdCompressor(level=_COMPRESSION).compress(packed), True)

    def unpacked(self) -> tuple[list[bytes], list[MetricType]]:
        """The keys and their types.

        Raises:
            ValueError: The bytes are something else.
        """
        packed = self.packed
        try:
            if self.is_compressed:
                packed = zstandard.ZstdDecompressor().decompress(packed)
            return _decoder.decode(packed)
        except (zstandard.ZstdError, msgspec.DecodeError) as error:
            raise ValueError(f"series cannot be read: {error}") from error


class PackedLists:
    """Some lists of keys as bytes, by the identity of the list.

    Batches of the same labels share the list of their keys, which does not change any more.
    """

    def __init__(self) -> None:
        self._lists: dict[int, tuple[list[bytes], list[MetricType], SeriesList]] = {}

    def of(self, keys: list[bytes], types: list[MetricType]) -> SeriesList:
        """These keys and their types, packed now or before."""
        found = self._lists.get(id(keys))
        if found is not None and found[0] is keys and found[1] == types:
            return found[2]
        packed = SeriesList.of(keys, types)
        if _FEWEST_KEPT <= len(keys) <= _MOST_KEPT:
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            self._lists[id(keys)] = keys, types, packed
        return packed


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[list[bytes], list[MetricType]])
