import type { SeriesTable } from './table';

/** How a card makes one number of a series: its newest value, or all of a span added up. */
export type Reduce = 'last' | 'sum' | 'avg';

/** A number now, and the same `overMs` earlier. */
export interface Reading {
  value: number | null;
  before: number | null;
  overMs: number;
}

/** Reports are rarely later than this. */
const FRESH_MS = 5000;

interface Sum {
  total: number;
  count: number;
}

function sumBetween(table: SeriesTable, from: number, to: number): Sum {
  const sum = { total: 0, count: 0 };
  const { times, columns } = table;
  times.forEach((time, row) => {
    if (time < from || time >= to) return;
    for (const { values } of columns) {
      const value = values[row] ?? NaN;
      if (Number.isNaN(value)) continue;
      sum.total += value;
      sum.count += 1;
    }
  });
  return sum;
}

function reduced({ total, count }: Sum, how: 'sum' | 'avg'): number | null {
  if (count === 0) return null;
  return how === 'sum' ? total : total / count;
}

/** A value of this row, of the first series that has one. */
function valueAt(table: SeriesTable, row: number): number | null {
  const column = table.columns.find(({ values }) => !Number.isNaN(values[row] ?? NaN));
  return column?.values[row] ?? null;
}

function newestValue(table: SeriesTable): number | null {
  for (let row = table.times.length - 1; row >= 0; row -= 1) {
    const value = valueAt(table, row);
    if (value !== null) return value;
  }
  return null;
}

/** The oldest value from the row `first` on, but not the newest of all: it is not compared with itself. */
function oldestValue(table: SeriesTable, first: number): number | null {
  for (let row = first; row < table.times.length - 1; row += 1) {
    const value = valueAt(table, row);
    if (value !== null) return value;
  }
  return null;
}

/** A report or two may be missing at the start of a span before it counts as shorter. */
const COVERED = 0.9;

function sinceOldest(table: SeriesTable, spanMs: number, end: number): Reading {
  const { times } = table;
  const found = times.findIndex((time) => time >= end - spanMs);
  const first = found < 0 || found === times.length - 1 ? times.length : found;
  const covers = end - (times[first === times.length ? 0 : first] ?? end);
  return {
    value: newestValue(table),
    before: oldestValue(table, first),
    overMs: covers < COVERED * spanMs ? covers : spanMs,
  };
}

/**
 * The end of the newest span whose buckets have all closed: a rate over it does not dip because
 * the newest bucket is still filling. Where reports stopped it is `now`.
 */
export function settledEnd(table: SeriesTable, bucketMs: number, now: number): number {
  const newest = table.newest;
  const fresh = newest !== null && now - newest < Math.max(3 * bucketMs, FRESH_MS);
  return fresh ? newest : now;
}

/**
 * What a card shows of the span before `end` (epoch ms): for `last` the newest value against the
 * span's oldest, over no more time than there is data for; else the span's sum or mean against that of the span before.
 */
export function reading(
  table: SeriesTable,
  { how, zeroFill }: { how: Reduce; zeroFill: boolean },
  spanMs: number,
  end: number,
): Reading {
  if (how === 'last') return sinceOldest(table, spanMs, end);
  const from = end - spanMs;
  const value = reduced(sumBetween(table, from, end), how);
  const before = reduced(sumBetween(table, from - spanMs, from), how);
  // Where silence means that nothing happened, and something was counted before.
  const isZero = value === null && how === 'sum' && zeroFill && before !== null;
  return { value: isZero ? 0 : value, before, overMs: spanMs };
}

/** What one reading is of another, in percent; unknown where there was nothing at all. */
export function shareReading(part: Reading, whole: Reading): Reading {
  const of = (some: number | null, all: number | null): number | null =>
    all === null || all <= 0 ? null : (100 * (some ?? 0)) / all;
  return {
    value: of(part.value, whole.value),
    before: of(part.before, whole.before),
    overMs: whole.overMs,
  };
}

/** The change in percent, or null where there is nothing to compare with. */
export function changePercent({ value, before }: Omit<Reading, 'overMs'>): number | null {
  if (value === null || before === null) return null;
  if (before === 0) return value === 0 ? 0 : null;
  return ((value - before) / Math.abs(before)) * 100;
}

/** The change in the value's own unit, or null where there is nothing to compare with. */
export function difference({ value, before }: Omit<Reading, 'overMs'>): number | null {
  return value === null || before === null ? null : value - before;
}
