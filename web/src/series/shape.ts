import type { SeriesTable } from './table';

/**
 * Columns fit for drawing: `undefined` is only a missing alignment and is drawn over,
 * `null` is a gap and stays one.
 */
export interface Shape {
  times: number[];
  columns: { key: string; values: (number | null | undefined)[]; lonely: number[] }[];
}

export interface ShapeOptions {
  bucketMs: number;
  /** A bucket without a point means that nothing happened, not that nothing is known. */
  zeroFill: boolean;
  /** Buckets that end after this are still filling and are left out. */
  completeBefore: number | null;
  /** The times of what is drawn beside it: where that has points, zeros reach as far. */
  beside?: readonly number[];
}

/** A silence of this many usual steps is a gap. */
const GAP_STEPS = 2.5;
/** Longer silences are unknown even where a missing bucket means zero. */
const ZERO_FILL_BUCKETS = 60;

function usualStep(times: readonly number[], bucketMs: number): number {
  if (times.length < 3) return bucketMs;
  const steps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  steps.sort((a, b) => a - b);
  return Math.max(bucketMs, steps[(steps.length - 1) >> 1] ?? bucketMs);
}

function present(times: readonly number[], values: Float64Array): number[] {
  return times.filter((_, i) => !Number.isNaN(values[i] ?? NaN));
}

/** The times of a series' silences: one for each gap, in its middle or its first empty bucket. */
function silences(own: readonly number[], longest: number, bucketMs: number): number[] {
  const found: number[] = [];
  for (let i = 1; i < own.length; i += 1) {
    const before = own[i - 1] ?? 0;
    if ((own[i] ?? 0) - before > longest) found.push(before + bucketMs);
  }
  return found;
}

/** The empty buckets of a series between its points, and out to where others have points. */
function filled(own: readonly number[], times: readonly number[], bucketMs: number): number[] {
  const added: number[] = [];
  const fill = (from: number, to: number): void => {
    if (to - from > ZERO_FILL_BUCKETS * bucketMs) return;
    for (let time = from + bucketMs; time < to; time += bucketMs) added.push(time);
  };
  const [first, last] = [own[0], own.at(-1)];
  if (first === undefined || last === undefined) return added;
  fill((times[0] ?? first) - bucketMs, first);
  for (let i = 1; i < own.length; i += 1) fill(own[i - 1] ?? 0, own[i] ?? 0);
  fill(last, (times.at(-1) ?? last) + bucketMs);
  return added;
}

/** Points with silence on both sides: a line cannot show them, so they are drawn as dots. */
function lonely(values: readonly (number | null | undefined)[]): number[] {
  const marks = values.flatMap((value, row) => (value === undefined ? [] : [{ row, value }]));
  return marks.flatMap(({ row, value }, i) => {
    const alone = (marks[i - 1]?.value ?? null) === null && (marks[i + 1]?.value ?? null) === null;
    return value !== null && alone ? [row] : [];
  });
}

interface Plan {
  key: string;
  known: Map<number, number>;
  zeros: number[];
  gaps: number[];
}

/** The times of the buckets that are to be drawn, oldest first. */
function closed(
  times: readonly number[],
  { completeBefore, bucketMs }: ShapeOptions,
): readonly number[] {
  if (completeBefore === null) return times;
  return times.filter((time) => time + bucketMs <= completeBefore);
}

function plan(table: SeriesTable, times: readonly number[], options: ShapeOptions): Plan[] {
  const reach = [...times, ...closed(options.beside ?? [], options)].sort((a, b) => a - b);
  return table.columns.map(({ key, values }) => {
    const own = present(times, values);
    const zeros = options.zeroFill ? filled(own, reach, options.bucketMs) : [];
    const longest = options.zeroFill
      ? ZERO_FILL_BUCKETS * options.bucketMs
      : GAP_STEPS * usualStep(own, options.bucketMs);
    const known = new Map<number, number>();
    times.forEach((time, i) => {
      const value = values[i] ?? NaN;
      if (!Number.isNaN(value)) known.set(time, value);
    });
    return { key, known, zeros, gaps: silences(own, longest, options.bucketMs) };
  });
}

/** Turns a table into columns to draw, with gaps marked and open buckets left out. */
export function shape(table: SeriesTable, options: ShapeOptions): Shape {
  const own = closed([...table.times], options);
  const plans = plan(table, own, options);
  const all = new Set(own);
  for (const { zeros, gaps } of plans) for (const time of [...zeros, ...gaps]) all.add(time);
  const times = [...all].sort((a, b) => a - b);
  const columns = plans.map(({ key, known, zeros, gaps }) => {
    const zero = new Set(zeros);
    const gap = new Set(gaps);
    // Every row of a silence is a gap, those that only other series have included.
    let silent = false;
    const values = times.map((time) => {
      const value = known.get(time) ?? (zero.has(time) ? 0 : undefined);
      silent = value === undefined && (silent || gap.has(time));
      return silent ? null : value;
    });
    return { key, values, lonely: lonely(values) };
  });
  return { times, columns };
}
