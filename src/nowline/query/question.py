"""One range of a plan, from what it wants to read to its points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nowline.model.histogram import Bins, bounds, merge, quantile, sizes
from nowline.model.partials import Ints, Need, Partials
from nowline.model.points import Points
from nowline.model.query import MINUTE_MS, Aggregation
from nowline.model.series import MetricType
from nowline.query.blocks import Want
from nowline.query.limits import check_cells
from nowline.query.plan import ALL_TIME_MS, SIZE_KEYS, Part, Plan
from nowline.query.values import need_of, reads_increases, rises, value_of
from nowline.store.base import Span
from nowline.store.catalogue import Catalogue, Selection

# How long a series' last value before the range is looked for, at least.
_LOOK_BACK_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Question:
    """One range of a plan, and the series that it is about.

    Attributes:
        plan: What is asked.
        kind: The metric's type, None if there is no such metric.
        selection: The series.
        part: The range.
        keeps: Whether the rows may be kept, or be such that were.
    """

    plan: Plan
    kind: MetricType | None
    selection: Selection
    part: Part
    keeps: bool = True

    @property
    def is_rise(self) -> bool:
        """Whether its values come from each series' rise from bucket to bucket."""
        return self.plan.aggregation is Aggregation.RATE and self.kind is MetricType.GAUGE

    def partial_wants(self) -> list[Want]:
        """The partials that it needs: none for percentiles, two reads for the rise of gauges."""
        if self.plan.aggregation.is_binned:
            return []
        if not self.is_rise:
            need = need_of(self.plan.aggregation)
            return [self._want(self.selection, self._span(), need=need)]
        series = self.selection.series
        each = Selection(series, np.arange(len(series)), [{} for _ in series])
        before = Want(self.plan.metric, each, self._span_before())
        return [self._want(each, self._span()), before]

    def bin_wants(self) -> list[Want]:
        """The bins that it needs."""
        if not self.plan.aggregation.is_binned:
            return []
        distribution = self.kind is MetricType.DISTRIBUTION
        return [self._want(self.selection, self._span(), distribution=distribution)]

    def check(self) -> None:
        """Refuse what would cost too much.

        Raises:
            NowlineError: UNPROCESSABLE with the reason.
        """
        lines = len(self.selection.series if self.is_rise else self.selection.tags)
        check_cells(self.plan.buckets(), lines, binned=self.plan.aggregation.is_binned)

    def points(self, partials: list[Partials], bins: list[Bins]) -> Points:
        """The value of each group and bucket from what was read.

        Raises:
            NowlineError: UNPROCESSABLE where a histogram has too many lines.
        """
        if self.plan.aggregation is Aggregation.HISTOGRAM:
            return self._counts(self.part.grid.bins(bins[0]))
        q = self.plan.aggregation.quantile
        if q is not None:
            key, bucket, value = quantile(self.part.grid.bins(bins[0]), q)
            return Points(self.selection.tags, key, bucket, value)
        rows = self.part.grid.partials(partials[0])
        if self.is_rise:
            return self._rises(rows, partials[1])
        value = value_of(rows, self.plan.aggregation, self.kind, self._lengths)
        return Points(self.selection.tags, rows.key, rows.bucket, value)

    def _counts(self, bins: Bins) -> Points:
        rows = merge([replace(bins, bin=sizes(bins.bin))])
        found, line = np.unique(rows.bin, return_inverse=True)
        check_cells(self.plan.buckets(), len(found), binned=True)
        order = np.lexsort((rows.bucket, line))
        tags = [
            dict(zip(SIZE_KEYS, map(_text, bounds(each)), strict=True)) for each in found.tolist()
        ]
        count = rows.count[order].astype(np.float64)
        return Points(tags, line[order], rows.bucket[order], count)

    def _rises(self, rows: Partials, before: Partials) -> Points:
        risen = rises(rows, before, self.selection.group)
        value = risen.amount * 1000 / self._lengths(risen.bucket)
        return Points(self.selection.tags, risen.group, risen.bucket, value)

    def _want(
        self,
        selection: Selection,
        span: Span,
        *,
        distribution: bool = False,
        need: Need = Need.ALL,
    ) -> Want:
        plan = self.plan
        increases = reads_increases(plan.aggregation, self.kind)
        chosen = (tuple(plan.filters.items()), plan.group_by, increases, self.is_rise)
        # A range and the one to compare with move on together, each over rows of its own.
        key = (*chosen, *plan.family, self.part.back_ms)
        source = self.selection if self.keeps else None
        return Want(plan.metric, selection, span, distribution, need, source, key)

    def _lengths(self, bucket: Ints) -> Ints:
        return self.part.grid.lengths(bucket, self.part.start, self.part.end, self.plan.now)

    def _span(self) -> Span:
        return Span(self.part.start, self.part.end, self.part.grid.step_ms)

    def _span_before(self) -> Span:
        """As long as a bucket, but all of it is one."""
        level = self.plan.finest.width_ms
        reach = max(min(self.plan.width_ms, self.part.end - self.part.start), _LOOK_BACK_MS)
        start = max(0, self.part.start - -(-reach // level) * level)
        return Span(start, self.part.start, ALL_TIME_MS)


def question(plan: Plan, catalogue: Catalogue, part: Part, *, keeps: bool = True) -> Question:
    """The question that a plan asks of one of its ranges."""
    metric = catalogue.metrics.get(plan.metric)
    kind = metric.type if metric else None
    if reads_increases(plan.aggregation, kind):
        chosen = catalogue.select(plan.metric, plan.filters, plan.group_by, increases=True)
    else:
        chosen = catalogue.select(plan.metric, plan.filters, plan.group_by)
    return Question(plan, kind, chosen, part, keeps)


def _text(bound: float) -> str:
    return f"{bound:.6g}"
