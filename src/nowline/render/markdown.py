"""Notes in Markdown as lines of words. Pure; the parser is markdown-it.

HTML is shown as it is written, pictures are not loaded, and of a link its words are shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

# What no widget has room for need not be parsed.
_MOST_CHARACTERS = 20_000
_BULLET = "•"


@dataclass(frozen=True, slots=True)
class Span:
    """Words that are written alike."""

    text: str
    strong: bool = False
    code: bool = False
    link: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading, an item of a list, a line of code, a row of a table, or a rule.

    Attributes:
        kind: Which of them.
        spans: Its words; of a row, those of each cell, told apart by `cells`.
        indent: How deep in lists and quotes it stands.
        bullet: What stands before it.
        cells: Of a row, the words of each cell.
    """

    kind: Literal["text", "heading", "code", "row", "rule"]
    spans: tuple[Span, ...] = ()
    indent: int = 0
    bullet: str = ""
    cells: tuple[tuple[Span, ...], ...] = ()


def blocks_of(text: str) -> list[Block]:
    """A note as blocks, from the top down."""
    tokens = _parser().parse(text[:_MOST_CHARACTERS])
    return _Reader().read(tokens)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    options = {"html": False, "breaks": True, "linkify": False, "maxNesting": 20}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


class _Reader:
    """Walks the parser's tokens once."""

    def __init__(self) -> None:
        self._lists: list[int | None] = []
        self._bullet = ""
        self._kind: Literal["text", "heading"] = "text"
        self._cells: list[tuple[Span, ...]] | None = None
        self._header = False
        self._found: list[Block] = []

    def read(self, tokens: Sequence[Token]) -> list[Block]:
        """The blocks of all tokens."""
        for token in tokens:
            self._take(token)
        return self._found

    def _take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._kind = "heading"
            case "heading_close":
                self._kind = "text"
            case "bullet_list_open" | "ordered_list_open" | "blockquote_open":
                self._open(token)
            case "bullet_list_close" | "ordered_list_close" | "blockquote_close":
                self._lists.pop()
            case "list_item_open":
                self._bullet = self._next_bullet()
            case "inline":
                self._add_inline(token)
            case _:
                self._take_rest(token)

    def _take_rest(self, token: Token) -> None:
        match token.type:
            case "fence" | "code_block":
                self._add_code(token.content)
            case "hr":
                self._found.append(Block("rule"))
            case "thead_open" | "thead_close":
                self._header = token.type == "thead_open"
            case "tr_open":
                self._cells = []
            case "tr_close":
                self._found.append(Block("row", cells=tuple(self._cells or ())))
                self._cells = None

    def _open(self, token: Token) -> None:
        start = token.attrGet("start")
        is_ordered = token.type == "ordered_list_open"
        self._lists.append(int(start or 1) if is_ordered else None)

    def _next_bullet(self) -> str:
        number = self._lists[-1]
        if number is None:
            return _BULLET
        self._lists[-1] = number + 1
        return f"{number}."

    def _add_inline(self, token: Token) -> None:
        lines = list(_lines(token.children or ()))
        if self._cells is not None:
            spans = tuple(span for line in lines for span in line)
            self._cells.append(tuple(replace(s, strong=s.strong or self._header) for s in spans))
            return
        for line in lines:
            self._found.append(Block(self._kind, line, len(self._lists), self._bullet))
            self._bullet = ""

    def _add_code(self, text: str) -> None:
        for line in text.rstrip("\n").split("\n"):
            span = Span(line.expandtabs(4), code=True)
            self._found.append(Block("code", (span,), len(self._lists)))


def _lines(tokens: Sequence[Token]) -> Iterator[tuple[Span, ...]]:
    """The words of a paragraph, a tuple for each line that its author made."""
    line: list[Span] = []
    strong = link = 0
    for token in tokens:
        strong += token.nesting if token.type.startswith("strong_") else 0
        link += token.nesting if token.type.startswith("link_") else 0
        if token.type in {"softbreak", "hardbreak"}:
            yield tuple(line)
            line = []
        elif token.content:
            code = token.type == "code_inline"
            line.append(Span(token.content, strong=strong > 0, code=code, link=link > 0))
    yield tuple(line)
