"""Finished answers, and the ones that were given before and still hold."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from nowline.clock import Clock
from nowline.model.points import Points
from nowline.query.cache import Cache, Tally
from nowline.query.handover import Missing, Packing
from nowline.query.packing import name_of, pack_points, unpack_points
from nowline.query.plan import Plan
from nowline.query.question import Question
from nowline.query.recent import Recent
from nowline.store.catalogue import Selection
from nowline.store.shared import Name

_HOT_TTL_MS = 5_000
_PAST_TTL_MS = 300_000
# A point as columns, and about what it is as JSON.
_BYTES_A_POINT = 128
_BYTES_AN_ANSWER = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query is answered with.

    Attributes:
        plan: What was read.
        points: The points of the range, at most `max_points` a group.
        compared: Those of the range to compare with; None if there is none.
        cached: Whether it, or part of the rows that it is made of, was at hand.
    """

    plan: Plan
    points: Points
    compared: Points | None
    cached: bool = False
    _json: dict[str, bytes] = field(default_factory=dict, compare=False)

    def data(self) -> bytes:
        """The points as JSON; worked out once."""
        if "data" not in self._json:
            self._json["data"] = self.points.to_json()
        return self._json["data"]

    def compare(self) -> bytes | None:
        """The points to compare with as JSON."""
        if self.compared is None:
            return None
        if "compare" not in self._json:
            self._json["compare"] = self.compared.to_json()
        return self._json["compare"]


@dataclass(slots=True)
class _Given:
    """An answer that was given.

    Attributes:
        answer: The answer.
        selection: The series it is about.
        position: Up to this position of the windows no row came to them.
        is_past: Whether only a late row could have.
    """

    answer: Answer
    selection: Selection
    position: int
    is_past: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan as it is asked for, before anything is read for it.

    Attributes:
        questions: What it asks of each of its ranges.
        position: That of the windows.
        revision: That of the metric.
        is_past: Whether only a late row can change the answer.
        key: What the answer is kept as: the same for the same plan.
    """

    questions: tuple[Question, ...]
    position: int
    revision: int
    is_past: bool
    key: Hashable

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.questions[0].plan

    @property
    def selection(self) -> Selection:
        """The series that it is about."""
        return self.questions[0].selection


class Answers:
    """Keeps answers as long as no row came in that would change them.

    Args:
        recent: Tells which rows came in.
        clock: Tells when an answer has expired.
        most_bytes: How many bytes of answers to keep.
    """

    def __init__(self, recent: Recent, clock: Clock, most_bytes: int) -> None:
        self._recent = recent
        self._given: Cache[_Given] = Cache(clock, most_bytes)

    @property
    def tally(self) -> Tally:
        """How often an answer was at hand."""
        return self._given.tally

    def ask(self, questions: tuple[Question, ...]) -> Asked:
        """Note the moment at which a plan is asked for."""
        planned, recent = questions[0].plan, self._recent
        revision, is_past = self._given.revision(planned.metric), planned.end <= recent.settled
        return Asked(questions, recent.position, revision, is_past, _key(planned))

    def get(self, asked: Asked, *, counts_miss: bool = True) -> Answer | None:
        """The answer that was given before, if it still holds; see `Cache.get`."""
        given = self._given.get(
            asked.key, lambda given: self._holds(given, asked), counts_miss=counts_miss
        )
        return None if given is None else replace(given.answer, cached=True)

    def put(self, asked: Asked, answer: Answer) -> None:
        """Keep an answer, unless the past of its metric has changed since it was asked for."""
        if self._given.revision(asked.plan.metric) != asked.revision:
            return
        given = _Given(answer, asked.selection, asked.position, asked.is_past)
        points = len(answer.points) + (len(answer.compared) if answer.compared else 0)
        size = _BYTES_AN_ANSWER + points * _BYTES_A_POINT
        ttl = _PAST_TTL_MS if asked.is_past else _HOT_TTL_MS
        self._given.put(asked.plan.metric, asked.key, given, size, ttl)

    def missing(self, asked: Iterable[Asked]) -> list[MissingAnswer]:
        """Those of the questions that only a late row could change the answer to."""
        past = (each for each in asked if each.is_past and len(each.selection.series))
        return [MissingAnswer(self, each) for each in past]

    def peek(self, asked: Asked) -> Answer | None:
        """As `get` for a question about the past, without a trace of having asked."""
        given = self._given.peek(asked.key) if asked.is_past else None
        good = given is not None and given.is_past and given.selection is asked.selection
        same = self._given.revision(asked.plan.metric) == asked.revision
        return replace(given.answer, cached=True) if given and good and same else None

    def same(self, earlier: Asked, later: Asked) -> bool:
        """Whether no row came in between two times of asking that changes the answer."""
        if earlier.revision != later.revision or earlier.selection is not later.selection:
            return False
        return earlier.is_past or self._is_untouched(earlier.selection, earlier.position)

    def revise(self, metric: str) -> None:
        """Drop the answers of a metric whose past has changed."""
        self._given.revise(metric)

    def _holds(self, given: _Given, asked: Asked) -> bool:
        if given.selection is not asked.selection:
            return False
        if given.is_past:
            return True
        if not self._is_untouched(given.selection, given.position):
            return False
        given.position = asked.position
        return True

    def _is_untouched(self, selection: Selection, position: int) -> bool:
        """Whether no row of these series came to the windows since."""
        changes = self._recent.changes_since(position)
        if changes is None:
            return False
        return not any(selection.groups_of(change.series)[0].any() for change in changes)


class MissingAnswer(Missing):
    """The answer to a question about the past.

    Args:
        answers: The answers in memory.
        asked: The question.
    """

    def __init__(self, answers: Answers, asked: Asked) -> None:
        self._answers = answers
        self._asked = asked
        self._is_taken = False

    def name(self) -> Name:
        """What it is kept as elsewhere."""
        plan = self._asked.plan
        return name_of(plan.metric, ("Answer", self._asked.key), self._asked.selection)

    def take(self, packed: bytes) -> None:
        """Keep it in memory, unless the past has changed since it was asked for."""
        parts = unpack_points(packed)
        if parts is not None and len(parts) == 2 and parts[0] is not None:
            self._is_taken = True
            self._answers.put(self._asked, Answer(self._asked.plan, parts[0], parts[1]))

    def packing(self) -> Packing | None:
        """How to pack it for others, None if it is not in memory or came from there."""
        answer = None if self._is_taken else self._answers.peek(self._asked)
        if answer is None:
            return None
        rows = len(answer.points) + (len(answer.compared) if answer.compared else 0)
        return Packing(rows, partial(pack_points, (answer.points, answer.compared)))


def _key(planned: Plan) -> Hashable:
    # What is filled, and what a rate is divided by, goes up to now.
    now = planned.now if planned.end > planned.now else None
    filters = tuple(planned.filters.items())
    zone = planned.zone and planned.zone.key
    return (
        *(planned.metric, planned.aggregation, filters, planned.group_by),
        *(planned.start, planned.end, planned.width_ms, planned.max_points),
        *(planned.finest, zone, planned.fill, planned.compare_ms, now),
    )
