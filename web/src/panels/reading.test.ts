import { describe, expect, it } from 'vitest';

import { SeriesTable } from '../series/table';
import { readingOf } from './reading';

function source(values: readonly number[]): {
  table: SeriesTable;
  bucketMs: number;
  spanMs: number;
} {
  const table = new SeriesTable();
  table.merge(
    values.map((value, i) => ({ timestamp: new Date(i * 1000).toISOString(), value, tags: {} })),
  );
  return { table, bucketMs: 1000, spanMs: 4000 };
}

const plain = { reduce: 'sum', overMs: 2000, perMs: null, share: false, zeroFill: false } as const;

describe('readingOf', () => {
  it('adds up a span, and the one before', () => {
    expect(readingOf(plain, [source([1, 2, 3, 4])], 4000)).toEqual({
      value: 7,
      before: 3,
      overMs: 2000,
    });
  });

  it('covers all that is shown unless it is told otherwise', () => {
    expect(readingOf({ ...plain, overMs: null }, [source([1, 2, 3, 4])], 4000).value).toBe(10);
  });

  it('is a rate where values are shown as one', () => {
    const end = 3000;
    expect(readingOf({ ...plain, perMs: 1000 }, [source([1, 2, 3, 4])], end).value).toBe(2.5);
  });

  it('is the share of the sums, not the mean of the shares', () => {
    const feeds = [source([0, 0, 0, 9]), source([1, 1, 1, 99])];
    expect(readingOf({ ...plain, share: true }, feeds, 4000).value).toBe(9);
  });

  it('knows nothing without a query', () => {
    expect(readingOf(plain, [], 4000).value).toBeNull();
  });
});
