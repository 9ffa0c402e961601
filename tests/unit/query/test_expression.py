from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.model.query import Aggregation
from nowline.query.expression import (
    Expression,
    Negative,
    Number,
    Operation,
    Term,
    evaluate,
    parse,
    terms,
)

BARE = re.compile(r"[\w.:/-]+")
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


def word(text: str) -> str:
    return text if BARE.fullmatch(text) else json.dumps(text)


def printed_term(term: Term) -> str:
    filters = ", ".join(
        f"{word(tag)}={json.dumps(values[0]) if len(values) == 1 else json.dumps(values)}"
        for tag, values in term.filters
    )
    braces = f"{{{filters}}}" if filters else ""
    return f"{term.aggregation.value}({word(term.metric)}{braces})"


def printed(tree: Expression, least: int = 0) -> str:
    """The text of a tree, with no parentheses but those that it needs."""
    match tree:
        case Number():
            return repr(tree.value)
        case Term():
            return printed_term(tree)
        case Negative():
            return f"-{printed(tree.operand, 3)}"
    own = PRECEDENCE[tree.operator]
    text = f"{printed(tree.left, own)} {tree.operator} {printed(tree.right, own + 1)}"
    return f"({text})" if own < least else text


words = st.text(min_size=1, max_size=12).filter(lambda text: bool(text.strip()))
values = st.lists(st.text(max_size=8), min_size=1, max_size=3, unique=True).map(sorted).map(tuple)
filters = st.dictionaries(words, values, max_size=3).map(lambda found: tuple(sorted(found.items())))
numbers = st.builds(Number, st.floats(min_value=0, allow_nan=False, allow_infinity=False))
functions = st.sampled_from([each for each in Aggregation if each is not Aggregation.HISTOGRAM])
leaves = numbers | st.builds(Term, functions, words, filters)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    operators = st.sampled_from(sorted(PRECEDENCE))
    return st.builds(Negative, inner) | st.builds(Operation, operators, inner, inner)


trees: st.SearchStrategy[Expression] = st.recursive(leaves, combined, max_leaves=30)
# Texts that get further into the parser than random characters do.
pieces = st.sampled_from(
    ["sum", "p95(", "(", ")", "{", "}", "[", "]", "=", ",", '"', '"a"', "a.b", "1.5", "-", "/", " "]
)


@given(trees)
def test_what_is_printed_is_parsed_to_the_same_tree(tree: Expression) -> None:
    assert parse(printed(tree)) == tree


@given(st.text() | st.lists(pieces, max_size=20).map("".join))
def test_garbage_is_refused_with_a_column_or_understood(text: str) -> None:
    try:
        tree = parse(text)
    except NowlineError as error:
        column, limit = column_of(error), len(text) + 1
    else:
        column, limit = 1, len(printed(tree))
    assert 1 <= column <= limit


def column_of(error: NowlineError) -> int:
    (fault,) = error.errors
    match = re.match(r"column (\d+): expected ", fault.message)
    assert error.code is Code.INVALID
    assert fault.field == "expression"
    assert match is not None, fault.message
    return int(match[1])


def by_python(tree: Expression, known: dict[Term, float | None]) -> float | None:
    """What Python's own parser and arithmetic make of the text of the tree."""
    names = {printed_term(term): f"t{n}" for n, term in enumerate(known)}
    text = printed(tree)
    for term in sorted(names, key=len, reverse=True):
        text = text.replace(term, names[term])
    try:
        result: float | None = eval(
            text, {}, dict(zip(names.values(), known.values(), strict=True))
        )
    except (ZeroDivisionError, TypeError):
        return None
    return result


arithmetic_terms = [
    Term(Aggregation.SUM, "orders.total"),
    Term(Aggregation.P95, "api-latency", (("region", ("eu",)),)),
    Term(Aggregation.LAST, "stock"),
]
# Whole numbers of moderate size: no step overflows, and so Python's result is the last word.
moderate = st.integers(0, 1000).map(lambda n: Number(float(n))) | st.sampled_from(arithmetic_terms)


@given(
    st.recursive(moderate, combined, max_leaves=12),
    st.lists(st.none() | st.integers(-1000, 1000).map(float), min_size=3, max_size=3),
)
def test_the_value_is_python_s(tree: Expression, found: list[float | None]) -> None:
    known = dict(zip(arithmetic_terms, found, strict=True))
    assert evaluate(tree, known) == by_python(tree, known)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("100 / 10 / 5", 2),
        ("-2 * 3", -6),
        ("2 - -3", 5),
        ("--4", 4),
        ("-(1 + 2)", -3),
        ("1.5e1 + .5 + 2.", 17.5),
        ("\n 1\t+\n2 ", 3),
    ],
)
def test_precedence_and_grouping(text: str, value: float) -> None:
    assert evaluate(parse(text), {}) == value


@pytest.mark.parametrize("text", ["1 / 0", "0 / 0", "1 / (2 - 2)", "1e308 * 10", "1e308 * 10 * 0"])
def test_a_step_without_a_finite_result_has_no_value(text: str) -> None:
    assert evaluate(parse(text), {}) is None


@pytest.mark.parametrize("found", [None, math.nan, math.inf])
def test_a_term_without_data_makes_the_whole_without_value(found: float | None) -> None:
    tree = parse("sum(a) * 0 + 1")
    assert evaluate(tree, dict.fromkeys(terms(tree), found)) is None


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("sum(orders.perfect)", Term(Aggregation.SUM, "orders.perfect")),
        ("p95( api/calls-per:minute )", Term(Aggregation.P95, "api/calls-per:minute")),
        ("avg(größe)", Term(Aggregation.AVG, "größe")),
        ("max(404)", Term(Aggregation.MAX, "404")),
        (r'sum("odd name)")', Term(Aggregation.SUM, "odd name)")),
        (r'sum("a\"b\\c\u00e9\ud83d\ude00")', Term(Aggregation.SUM, 'a"b\\cé😀')),
        ("sum(a{})", Term(Aggregation.SUM, "a")),
        ('sum(a{x="1",b="}"})', Term(Aggregation.SUM, "a", (("b", ("}",)), ("x", ("1",))))),
        ('sum(a{ "odd tag" = "" })', Term(Aggregation.SUM, "a", (("odd tag", ("",)),))),
        ('sum(a{r=["us", "eu", "us"]})', Term(Aggregation.SUM, "a", (("r", ("eu", "us")),))),
    ],
)
def test_a_term(text: str, term: Term) -> None:
    assert parse(text) == term


def test_the_terms_are_told_from_left_to_right() -> None:
    found = terms(parse("sum(a) / -(sum(b) + 1) - sum(a)"))
    assert [term.metric for term in found] == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("", 1, "a number, a function or `(`, not the end"),
        ("sum(a) /", 9, "a number, a function or `(`, not the end"),
        ("sum(orders) ? 2", 13, "an operator or the end, not `?`"),
        ("1 2", 3, "an operator or the end, not `2`"),
        ("(1", 3, "an operator or `)`, not the end"),
        ("1)", 2, "an operator or the end, not `)`"),
        ("orders.total * 2", 1, "a function around the metric, such as sum(orders.total)"),
        ("2 * median(a)", 5, "one of the functions avg, sum, "),
        ("histogram(a)", 1, "one of the functions avg, sum, "),
        ("sum", 4, "`(`, not the end"),
        ("sum()", 5, "the name of a metric, not `)`"),
        ('sum(" ")', 5, 'the name of a metric, not `" "`'),
        ("sum(a + b)", 7, "`{` or `)` (names with other characters in quotes), not `+`"),
        ("sum(avg(a))", 8, "`{` or `)`"),
        ('sum(a{x="1"}', 13, "`)`, not the end"),
        ("sum(a{x=eu})", 9, "a value in quotes or `[`, not `eu`"),
        ('sum(a{x="1",})', 13, "the name of a tag, not `}`"),
        ("sum(a{,})", 7, "the name of a tag or `}`, not `,`"),
        ('sum(a{x="1" y="2"})', 13, "`,` or `}`, not `y`"),
        ('sum(a{x="1", x="2"})', 14, "another tag; several values are x=[…, …]"),
        ("sum(a{x=[]})", 10, "a value in quotes, not `]`"),
        ('sum(a{x=["1" "2"]})', 14, "`,` or `]`"),
        ('sum("a', 7, '`"` at the end of the text'),
        (r'sum("é\q")', 7, "a character, or an escape"),
        ('sum("a\nb")', 7, "a character, or an escape"),
        (r'sum("\ud800")', 5, "a character; half a pair"),
        ('sum(a) + "b"', 10, "a number, a function or `(`"),
        ('b "c', 1, "a function around the metric"),
        ("1e999", 1, "a number that is not too large"),
        ("+".join(["1"] * 101), 201, "the end: an expression has at most 100"),
        ("(" * 60 + "1", 51, "a number or a function: signs and parentheses nest at most 50"),
        ("-" * 4000, 51, "a number or a function: signs"),
        ("1" * 4097, 4097, "the end: an expression has at most 4096 characters"),
        ("sum(" + "a" * 99 + " b)", 105, "`{` or `)`"),
    ],
)
def test_a_fault_is_told_with_its_column(text: str, column: int, expected: str) -> None:
    with pytest.raises(NowlineError) as caught:
        parse(text)
    assert caught.value.errors[0].message.startswith(f"column {column}: expected {expected}")
    assert caught.value.detail == f"expression: {caught.value.errors[0].message}"


def test_a_long_word_is_not_repeated_whole() -> None:
    with pytest.raises(NowlineError) as caught:
        parse("a" * 4000)
    assert len(caught.value.detail) < 200


def test_the_most_operands_are_evaluated() -> None:
    tree = parse("(" * 50 + "+".join(["1"] * 100) + ")" * 50)
    assert evaluate(tree, {}) == 100
