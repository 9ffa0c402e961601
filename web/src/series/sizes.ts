/**
 * Counts by size, as a query of the aggregation `histogram` tells them: its tags `from` and `to`
 * are bounds of the server's sizes, two to a doubling (docs/queries.md, Histograms).
 */
import type { Shape } from './shape';
import type { Tags } from './point';

export const HISTOGRAM = 'histogram';

/** Neighbours become one until there are no more rows than the eye can tell apart. */
const MOST_ROWS = 24;
const GAMMA = Math.log(1.02);
const BINS_A_SIZE = 35 / 2;

export interface SizeRow {
  from: number;
  to: number;
  values: (number | undefined)[];
}

interface Place {
  sign: -1 | 0 | 1;
  /** Which size it is, counted from 1 on. */
  step: number;
}

function edge(step: number): number {
  return Math.exp(Math.ceil(step * BINS_A_SIZE) * GAMMA);
}

function placeOf(tags: Tags): Place | null {
  const [from, to] = [Number(tags['from'] ?? NaN), Number(tags['to'] ?? NaN)];
  if (!Number.isFinite(from) || !Number.isFinite(to)) return null;
  const near = Math.min(Math.abs(from), Math.abs(to));
  if (to === 0 && from === 0) return { sign: 0, step: 0 };
  return { sign: to > 0 ? 1 : -1, step: Math.round(Math.log(near) / GAMMA / BINS_A_SIZE) };
}

/** The first and the last row of one sign, in sizes that are `2 ** level` of the server's wide. */
function reach(places: readonly Place[], sign: number, level: number): [number, number] | null {
  const steps = places.filter((one) => one.sign === sign).map(({ step }) => step >> level);
  return steps.length === 0 ? null : [Math.min(...steps), Math.max(...steps)];
}

function rowCount(places: readonly Place[], level: number): number {
  return [-1, 0, 1].reduce((sum, sign) => {
    const ends = reach(places, sign, level);
    return sum + (ends ? ends[1] - ends[0] + 1 : 0);
  }, 0);
}

function levelFor(places: readonly Place[]): number {
  let level = 0;
  while (rowCount(places, level) > MOST_ROWS && level < 10) level += 1;
  return level;
}

function boundsOf({ sign, step }: Place, level: number): [number, number] {
  if (sign === 0) return [0, 0];
  const [near, far] = [edge(step * 2 ** level), edge((step + 1) * 2 ** level)];
  return sign > 0 ? [near, far] : [-far, -near];
}

function sum(a: number | undefined, b: number | null | undefined): number | undefined {
  return typeof b === 'number' ? (a ?? 0) + b : a;
}

/** The rows of a heatmap, the greatest size first, those between that nothing was counted of too. */
export function sizeRows({ times, columns }: Shape, tags: readonly Tags[]): SizeRow[] {
  const known = columns.flatMap(({ values }, i) => {
    const place = placeOf(tags[i] ?? {});
    return place ? [{ place, values }] : [];
  });
  const places = known.map(({ place }) => place);
  const level = levelFor(places);
  const rows = ([-1, 0, 1] as const).flatMap((sign) => rowsOf(sign, places, level, times.length));
  for (const { place, values } of known) {
    const row = rows.find((one) => one.sign === place.sign && one.step === place.step >> level);
    values.forEach((value, i) => {
      if (row) row.values[i] = sum(row.values[i], value);
    });
  }
  return rows.reverse().map((row) => {
    const [from, to] = boundsOf(row, level);
    return { from, to, values: row.values };
  });
}

function rowsOf(
  sign: Place['sign'],
  places: readonly Place[],
  level: number,
  length: number,
): (Place & { values: (number | undefined)[] })[] {
  const ends = reach(places, sign, level);
  if (!ends) return [];
  const rows = Array.from({ length: ends[1] - ends[0] + 1 }, (_, i) => ({
    sign,
    step: ends[0] + i,
    values: new Array<number | undefined>(length).fill(undefined),
  }));
  return sign < 0 ? rows.reverse() : rows;
}
