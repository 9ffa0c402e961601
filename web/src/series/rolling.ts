import type { Shape } from './shape';

/** Each value as the sum of its own bucket and those before it, `buckets` in all; a gap begins anew. */
function rolled(
  values: readonly (number | null | undefined)[],
  buckets: number,
): (number | null | undefined)[] {
  const run: number[] = [];
  let sum = 0;
  return values.map((value) => {
    if (typeof value !== 'number') {
      if (value === null) run.length = sum = 0;
      return value;
    }
    run.push(value);
    sum += value;
    if (run.length > buckets) sum -= run.shift() ?? 0;
    return run.length < buckets ? undefined : sum;
  });
}

/** Counts of buckets as the counts of a span that rolls along; the first span has no value yet. */
export function rolling(drawn: Shape, buckets: number): Shape {
  const columns = drawn.columns.map((column) => ({
    ...column,
    values: rolled(column.values, buckets),
  }));
  return { times: drawn.times, columns };
}
