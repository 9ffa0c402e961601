import type { Column } from './table';

/** What of a series can be said in numbers; null of a series without a value. */
export interface Facts {
  latest: number | null;
  least: number | null;
  mean: number | null;
  greatest: number | null;
}

/** The facts of a column; NaN is no value. */
export function factsOf({ values }: Pick<Column, 'values'>): Facts {
  let [sum, count, least, greatest] = [0, 0, Infinity, -Infinity];
  let latest: number | null = null;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    latest = value;
    sum += value;
    count += 1;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  if (count === 0) return { latest, least: null, mean: null, greatest: null };
  return { latest, least, mean: sum / count, greatest };
}
