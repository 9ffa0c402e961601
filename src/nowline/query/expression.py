"""KPI formulas: from text to a tree, and from a tree and its terms' values to a number. Pure.

Grammar, with the usual precedence and grouping to the left:

    expression = operand {("+" | "-" | "*" | "/") operand}
    operand    = number | "-" operand | "(" expression ")" | term
    term       = function "(" metric [filters] ")"
    filters    = "{" [filter {"," filter}] "}"
    filter     = tag "=" (text | "[" text {"," text} "]")

A function is an aggregation (`sum`, `p95` …). Metrics and tags are bare words of letters, digits
and `_ . : / -`, or JSON strings; texts are JSON strings. Parsing climbs precedences (V. Pratt,
"Top Down Operator Precedence", POPL 1973).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from nowline.errors import NowlineError, invalid
from nowline.model.query import Aggregation

_MOST_CHARACTERS = 4096
_MOST_OPERANDS = 100
_MOST_NESTED = 50
_MOST_SHOWN = 40


class Number(msgspec.Struct, frozen=True):
    """A literal: finite and not negative."""

    value: float


class Term(msgspec.Struct, frozen=True):
    """An aggregation over one metric's rows.

    `filters` holds, ordered by tag, the values of which one must be there.
    """

    aggregation: Aggregation
    metric: str
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Negative(msgspec.Struct, frozen=True):
    """The operand with its sign changed."""

    operand: Expression


class Operation(msgspec.Struct, frozen=True):
    """Two expressions joined by one of `+ - * /`."""

    operator: str
    left: Expression
    right: Expression


Expression: TypeAlias = Number | Term | Negative | Operation


def parse(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        NowlineError: INVALID for the field `expression`; the message begins with the column,
            counted in characters from 1, and says what was expected there.
    """
    if len(text) > _MOST_CHARACTERS:
        limit = f"an expression has at most {_MOST_CHARACTERS} characters"
        raise _fault(_MOST_CHARACTERS + 1, f"expected the end: {limit}")
    return _Parser(text).parse()


def terms(tree: Expression) -> Iterator[Term]:
    """The terms of a tree from left to right, one that stands twice twice."""
    if isinstance(tree, Term):
        yield tree
    elif isinstance(tree, Negative):
        yield from terms(tree.operand)
    elif isinstance(tree, Operation):
        yield from terms(tree.left)
        yield from terms(tree.right)


def evaluate(tree: Expression, values: Mapping[Term, float | None]) -> float | None:
    """The tree's value; None where a term has none, or a step has no finite result.

    Args:
        tree: What `parse` made.
        values: The value of each term.
    """
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Term):
        return _finite(values[tree])
    if isinstance(tree, Negative):
        operand = evaluate(tree.operand, values)
        return None if operand is None else -operand
    left, right = evaluate(tree.left, values), evaluate(tree.right, values)
    if left is None or right is None:
        return None
    return _finite(_result(tree.operator, left, right))


def _result(operator: str, left: float, right: float) -> float | None:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right if right else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


class _Token(NamedTuple):
    """`kind` is number, name, text, end, the sign itself, unknown, or fault (told by `text`)."""

    kind: str
    text: str
    column: int


# A histogram is no number.
_WORDS = [each.value for each in Aggregation if each is not Aggregation.HISTOGRAM]
_FUNCTIONS = f"{', '.join(_WORDS[:-1])} or {_WORDS[-1]}"
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_NUMBER = r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_ARITHMETIC = re.compile(rf"{_NUMBER}|(?P<name>[^\W\d][\w.:]*)|(?P<sign>[-+*/()])")
# Between the parentheses of a function there is no arithmetic, so `-` and `/` are parts of names.
_UNCLOSED = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*'
_SELECTOR = re.compile(rf'(?P<name>[\w.:/-]+)|(?P<text>{_UNCLOSED}")|(?P<sign>[{{}}\[\]=,()])')
_UNCLOSED_TEXT = re.compile(_UNCLOSED)
_SPACE = re.compile(r"\s*")


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens one by one, so that the first fault from the left is the one that is told."""
    pattern, before, at = _ARITHMETIC, "", 0
    while (at := _after_space(text, at)) < len(text):
        match = pattern.match(text, at)
        if match is None:
            in_function = pattern is _SELECTOR
            yield _fault_at(text, at) if in_function else _Token("unknown", text[at], at + 1)
            return
        kind = match[0] if match.lastgroup == "sign" else str(match.lastgroup)
        yield _Token(kind, match[0], at + 1)
        if kind == "(" and before == "name":
            pattern = _SELECTOR
        elif kind == ")":
            pattern = _ARITHMETIC
        before, at = kind, match.end()
    yield _Token("end", "", len(text) + 1)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _fault_at(text: str, at: int) -> _Token:
    """What no token of a function's parentheses fits; of a text, the place where it breaks."""
    unclosed = _UNCLOSED_TEXT.match(text, at)
    if unclosed is None:
        return _Token("unknown", text[at], at + 1)
    column = unclosed.end() + 1
    if column > len(text):
        return _Token("fault", 'expected `"` at the end of the text', column)
    what = r"expected a character, or an escape such as \" \\ \n or \u00e9"
    return _Token("fault", what, column)


class _Parser:
    """One pass over the tokens, with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._nested = 0
        self._operands = 0

    def parse(self) -> Expression:
        tree = self._expression(1)
        self._expect("end", "an operator or the end")
        return tree

    def _expression(self, least: int) -> Expression:
        tree = self._operand()
        while (precedence := _PRECEDENCE.get(self._next.kind, 0)) >= least:
            operator = self._take().kind
            tree = Operation(operator, tree, self._expression(precedence + 1))
        return tree

    def _operand(self) -> Expression:
        token = self._next
        if token.kind in {"-", "("}:
            return self._deeper(self._take())
        self._operands += 1
        if self._operands > _MOST_OPERANDS:
            limit = f"an expression has at most {_MOST_OPERANDS} numbers and terms"
            raise _fault(token.column, f"expected the end: {limit}")
        if token.kind == "number":
            return self._number(self._take())
        return self._term(self._expect("name", "a number, a function or `(`"))

    def _deeper(self, token: _Token) -> Expression:
        self._nested += 1
        if self._nested > _MOST_NESTED:
            limit = f"signs and parentheses nest at most {_MOST_NESTED} deep"
            raise _fault(token.column, f"expected a number or a function: {limit}")
        if token.kind == "-":
            tree: Expression = Negative(self._operand())
        else:
            tree = self._expression(1)
            self._expect(")", "an operator or `)`")
        self._nested -= 1
        return tree

    def _number(self, token: _Token) -> Number:
        value = float(token.text)
        if not math.isfinite(value):
            raise _expected("a number that is not too large", token)
        return Number(value)

    def _term(self, name: _Token) -> Term:
        if name.text not in _WORDS:
            raise _no_function(name, called=self._next.kind == "(")
        self._expect("(", "`(`")
        metric = self._word("the name of a metric")
        filters = self._filters() if self._next.kind == "{" else {}
        self._expect(
            ")", "`)`" if filters else "`{` or `)` (names with other characters in quotes)"
        )
        return Term(Aggregation(name.text), metric, tuple(sorted(filters.items())))

    def _filters(self) -> dict[str, tuple[str, ...]]:
        self._take()
        filters: dict[str, tuple[str, ...]] = {}
        while self._next.kind != "}" or filters:
            at = self._next
            tag = self._word("the name of a tag" if filters else "the name of a tag or `}`")
            if tag in filters:
                raise _expected(f"another tag; several values are {tag}=[…, …]", at)
            self._expect("=", "`=`")
            filters[tag] = self._values()
            if self._next.kind != ",":
                break
            self._take()
        self._expect("}", "`,` or `}`" if filters else "`}`")
        return filters

    def _values(self) -> tuple[str, ...]:
        if self._next.kind != "[":
            return (_content(self._expect("text", "a value in quotes or `[`")),)
        values = set[str]()
        while not values or self._next.kind == ",":
            self._take()
            values.add(_content(self._expect("text", "a value in quotes")))
        self._expect("]", "`,` or `]`")
        return tuple(sorted(values))

    def _word(self, what: str) -> str:
        token = self._next
        if token.kind not in {"name", "text"}:
            raise _expected(what, token)
        word = _content(self._take())
        if not word.strip():
            raise _expected(what, token)
        return word

    def _expect(self, kind: str, what: str) -> _Token:
        if self._next.kind != kind:
            raise _expected(what, self._next)
        return self._take()

    def _take(self) -> _Token:
        token = self._next
        self._next = next(self._tokens, token)
        return token


def _content(token: _Token) -> str:
    """A name as it is, a text without its quotes and escapes."""
    if token.kind == "name":
        return token.text
    content: str = json.loads(token.text)
    if any("\ud800" <= char <= "\udfff" for char in content):
        raise _expected(r"a character; half a pair such as \ud83d is none", token)
    return content


def _no_function(name: _Token, *, called: bool) -> NowlineError:
    if called:
        return _expected(f"one of the functions {_FUNCTIONS}", name)
    return _expected(f"a function around the metric, such as sum({_shown(name)})", name)


def _expected(what: str, token: _Token) -> NowlineError:
    if token.kind == "fault":
        return _fault(token.column, token.text)
    found = "the end" if token.kind == "end" else f"`{_shown(token)}`"
    return _fault(token.column, f"expected {what}, not {found}")


def _shown(token: _Token) -> str:
    return token.text if len(token.text) <= _MOST_SHOWN else f"{token.text[:_MOST_SHOWN]}…"


def _fault(column: int, message: str) -> NowlineError:
    return invalid("expression", f"column {column}: {message}")
