"""One table of `nowline.toml`, read key by key; what nobody asked for is refused at the end."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeVar

from nowline.config import values
from nowline.config.sources import ConfigError, Given, read_secret, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

MASK: Final = "********"
_MOST_TAGS: Final = 16


class Shown(NamedTuple):
    """One value of a table, for `nowline config`: its full name, its text and its origin."""

    name: str
    value: str
    origin: str


class Table:
    """Reads the values of a table, and remembers how to show them.

    Args:
        path: The file.
        name: What the table is called in errors, such as `collect.redis[0]`.
        content: The table.
    """

    def __init__(self, path: Path, name: str, content: Mapping[str, object]) -> None:
        self._path = path
        self._name = name
        self._content = content
        self._known: list[str] = []
        self.shown: list[Shown] = []

    def required(self, key: str, parse: Callable[[str], T]) -> T:
        """A value that has to be there, or its `_file`; shown without its passwords."""
        given = self._text_or_file(key)
        if given is None:
            self.refuse(key, "is required")
        value = self._parsed(key, given, parse)
        self._show(key, values.mask_password(str(value), MASK), given.origin)
        return value

    def optional(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """A value, or its default."""
        given = self._given(key)
        value = default if given is None else self._parsed(key, given, parse)
        self._show(key, given.text if given else _text(default), _origin(given))
        return value

    def switch(self, key: str, *, default: bool) -> bool:
        """`true` or `false`, or the default."""
        return self.optional(key, values.parse_switch, default)

    def secret(self, key: str, parse: Callable[[str], str]) -> str | None:
        """A text that is not shown, or what its `_file` holds; None if neither is there."""
        given = self._text_or_file(key)
        if given is None:
            return None
        value = self._parsed(key, given, parse)
        self._show(key, MASK, given.origin)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none by default."""
        found = self._take(key, [])
        if not isinstance(found, list) or not all(_is_text(text) for text in found):
            self.refuse(key, "must be a list of texts")
        self._show(key, ",".join(found) or "none", self._origin_of(key))
        return tuple(found)

    def tags(self, key: str, reserved: tuple[str, ...]) -> dict[str, str]:
        """A table of tags, none by default, and none of those that are set already."""
        found = self._texts_by_name(key)
        if taken := sorted(set(found) & set(reserved)):
            self.refuse(f"{key}.{taken[0]}", "is set by itself; choose another name")
        if len(found) > _MOST_TAGS:
            self.refuse(key, f"there are {len(found)}; the limit is {_MOST_TAGS}")
        shown = ",".join(f"{name}={value}" for name, value in found.items())
        self._show(key, shown or "none", self._origin_of(key))
        return found

    def headers(self, key: str) -> dict[str, str]:
        """A table of HTTP headers, none by default, whose values are not shown."""
        found = self._texts_by_name(key)
        for name, value in found.items():
            if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                self.refuse(f"{key}.{name}", "is not the name of a header")
            if not re.fullmatch(r"[ -~]*", value):
                self.refuse(f"{key}.{name}", "must be printable ASCII")
        shown = ",".join(f"{name}={MASK}" for name in found)
        self._show(key, shown or "none", self._origin_of(key))
        return found

    def readable_file(self, key: str) -> Path | None:
        """The path of a file that can be read; None if it is not there."""
        given = self._given(key)
        if given is None:
            self._show(key, "unset", "default")
            return None
        path = Path(given.text).expanduser().absolute()
        try:
            path.open("rb").close()
        except OSError as error:
            self.refuse(key, f"cannot read {path}: {error.strerror}")
        self._show(key, str(path), given.origin)
        return path

    def finish(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            ConfigError: There is one.
        """
        for key in self._content:
            if key not in self._known:
                known = [f"{self._name}.{each}" for each in self._known]
                refuse_unknown(f"{self._name}.{key}", known, where=f"{self._path}: ")

    def refuse(self, key: str, message: str) -> NoReturn:
        """Say what is wrong with a key.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"{self._label(key)}: {message}")

    def _parsed(self, key: str, given: Given, parse: Callable[[str], T]) -> T:
        try:
            return parse(given.text)
        except ValueError as error:
            self.refuse(key, str(error))

    def _text_or_file(self, key: str) -> Given | None:
        given, file = self._given(key), self._given(f"{key}_file")
        if given and file:
            self.refuse(f"{key}_file", f"{key} is set too; set only one of them")
        if file is None:
            return given
        return Given(read_secret(file), file.label, f"{file.origin}, file {file.text}")

    def _given(self, key: str) -> Given | None:
        match self._take(key, None):
            case None:
                return None
            case bool(value):
                text = "on" if value else "off"
            case str() | int() as value:
                text = str(value)
            case _:
                self.refuse(key, "must be a text, a whole number, true or false")
        return Given(text, self._label(key), str(self._path))

    def _texts_by_name(self, key: str) -> dict[str, str]:
        found = self._take(key, {})
        if not isinstance(found, dict) or not all(map(_is_text, [*found, *found.values()])):
            self.refuse(key, "must be a table of texts")
        return found

    def _take(self, key: str, default: object) -> object:
        self._known.append(key)
        return self._content.get(key, default)

    def _origin_of(self, key: str) -> str:
        return str(self._path) if key in self._content else "default"

    def _label(self, key: str) -> str:
        return f"{self._path}: {self._name}.{key}"

    def _show(self, key: str, value: str, origin: str) -> None:
        self.shown.append(Shown(f"{self._name}.{key}", value, origin))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _origin(given: Given | None) -> str:
    return "default" if given is None else given.origin


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return values.format_seconds(value) if isinstance(value, timedelta) else str(value)
