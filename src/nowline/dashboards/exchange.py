"""Dashboards as files: JSON or YAML in a stable order, so that a change of one is a small diff.

YAML through PyYAML. Aliases are refused: a few bytes of them can stand for gigabytes.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Content

MOST_YAML_BYTES = 256 << 10
"""How long a file of YAML may be: reading that much takes seconds. JSON may be longer."""


def to_json(content: Content) -> bytes:
    """The file as JSON, two spaces a level, ending with a line end."""
    return msgspec.json.format(msgspec.json.encode(plain(content)), indent=2) + b"\n"


def to_yaml(content: Content) -> bytes:
    """The file as YAML."""
    text = yaml.safe_dump(plain(content), sort_keys=False, allow_unicode=True, width=100)
    return str(text).encode()


def plain(content: Content) -> dict[str, object]:
    """What a dashboard is, without what is left out: fields in their order, filters by name."""
    fields: dict[str, object] = msgspec.to_builtins(content)
    kept = {name: value for name, value in fields.items() if value not in (None, {})}
    if content.filters:
        kept["filters"] = dict(sorted(content.filters.items()))
    return kept


def of_yaml(body: bytes) -> object:
    """What a YAML file says, in JSON's terms.

    Raises:
        NowlineError: INVALID: it is not YAML, or more than JSON can say; TOO_LARGE.
    """
    if len(body) > MOST_YAML_BYTES:
        detail = f"A file of YAML may have {MOST_YAML_BYTES} bytes: send it as JSON."
        raise NowlineError(Code.TOO_LARGE, detail)
    try:
        return yaml.load(body, Loader=_Loader)  # noqa: S506 - a subclass of the safe one
    except yaml.YAMLError as error:
        raise _unreadable(error) from error
    except (RecursionError, ValueError) as error:
        raise invalid("body", "is not YAML that can be read") from error


def _unreadable(error: yaml.YAMLError) -> NowlineError:
    mark = getattr(error, "problem_mark", None)
    place = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
    reason = getattr(error, "problem", None) or "it cannot be read"
    return invalid("body", f"is not YAML{place}: {reason}")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML's own
        """As the base has it, but an alias is an error."""
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "aliases are not supported", event.start_mark
            )
        return super().compose_node(parent, index)


# The core schema of YAML 1.2 (section 10.3.2): to YAML 1.1 `no` is false, and `12:30:00` a number.
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?((\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(f"^(?:{_pattern})$"),
        ["" if each == "\0" else each for each in _first],
    )
