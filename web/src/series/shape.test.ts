import { describe, expect, it } from 'vitest';

import { shape } from './shape';
import { SeriesTable } from './table';

function tableOf(rows: [number, number, Record<string, string>?][]): SeriesTable {
  const table = new SeriesTable();
  table.merge(
    rows.map(([second, value, tags = {}]) => ({
      timestamp: new Date(second * 1000).toISOString(),
      value,
      tags,
    })),
  );
  return table;
}

const plain = { bucketMs: 1000, zeroFill: false, completeBefore: null };

describe('shape', () => {
  it('fills zeros out to where what is drawn beside it has points', () => {
    const drawn = shape(tableOf([[2, 5]]), {
      ...plain,
      zeroFill: true,
      completeBefore: 5000,
      beside: [1000, 4000, 5000],
    });
    expect(drawn.times).toEqual([1000, 2000, 3000, 4000]);
    expect(drawn.columns[0]?.values).toEqual([0, 5, 0, 0]);
  });

  it('draws over a single missed bucket but marks a longer silence as a gap', () => {
    const drawn = shape(
      tableOf([
        [1, 1],
        [2, 2],
        [4, 4],
        [5, 5],
        [9, 9],
        [10, 10],
      ]),
      plain,
    );
    expect(drawn.times).toEqual([1000, 2000, 4000, 5000, 6000, 9000, 10_000]);
    expect(drawn.columns[0]?.values).toEqual([1, 2, 4, 5, null, 9, 10]);
  });

  it('takes the usual step of a metric that reports seldom for its own measure', () => {
    const drawn = shape(
      tableOf([
        [0, 1],
        [10, 2],
        [20, 3],
        [30, 4],
        [60, 5],
      ]),
      plain,
    );
    expect(drawn.columns[0]?.values).toEqual([1, 2, 3, 4, null, 5]);
  });

  it('keeps another series’ times from breaking a line', () => {
    const drawn = shape(
      tableOf([
        [1, 1, { route: 'a' }],
        [2, 5, { route: 'b' }],
        [3, 2, { route: 'a' }],
      ]),
      plain,
    );
    expect(drawn.columns[0]?.values).toEqual([1, undefined, 2]);
  });

  it('keeps a gap open at the times of other series', () => {
    const drawn = shape(
      tableOf([
        [1, 1, { route: 'a' }],
        [2, 2, { route: 'a' }],
        [30, 3, { route: 'a' }],
        ...[1, 2, 3, 4, 5].map((second): [number, number, Record<string, string>] => [
          second * 3,
          0,
          { route: 'b' },
        ]),
      ]),
      plain,
    );
    const quiet = drawn.times.map((time) => time > 2000 && time < 30_000);
    expect(drawn.columns[0]?.values.filter((_, row) => quiet[row])).not.toContain(undefined);
  });

  it('names points with silence on both sides', () => {
    const drawn = shape(
      tableOf([
        [1, 1],
        [2, 2],
        [50, 3],
        [100, 4],
        [101, 5],
      ]),
      plain,
    );
    expect(drawn.columns[0]?.lonely).toEqual([drawn.times.indexOf(50_000)]);
  });

  it('reads a missing bucket of a counter as zero, but not a long silence', () => {
    const drawn = shape(
      tableOf([
        [1, 3],
        [4, 2],
        [100, 1],
      ]),
      { ...plain, zeroFill: true },
    );
    expect(drawn.columns[0]?.values).toEqual([3, 0, 0, 2, null, 1]);
  });

  it('reads zero of a counter while others were counting', () => {
    const drawn = shape(
      tableOf([
        [1, 7, { route: 'a' }],
        [3, 2, { route: 'b' }],
        [5, 7, { route: 'a' }],
      ]),
      { ...plain, zeroFill: true },
    );
    expect(drawn.columns[1]?.values).toEqual([0, 0, 2, 0, 0]);
  });

  it('leaves out buckets that are still filling', () => {
    const drawn = shape(
      tableOf([
        [1, 1],
        [2, 2],
        [3, 1],
      ]),
      { ...plain, completeBefore: 3500 },
    );
    expect(drawn.times).toEqual([1000, 2000]);
    expect(drawn.columns[0]?.values).toEqual([1, 2]);
  });
});
