import { describe, expect, it } from 'vitest';

import { changePercent, difference, reading, settledEnd } from './reduce';
import { SeriesTable } from './table';

const NOW = 100_000;

function tableOf(rows: [number, number][]): SeriesTable {
  const table = new SeriesTable();
  table.merge(
    rows.map(([ms, value]) => ({ timestamp: new Date(ms).toISOString(), value, tags: {} })),
  );
  return table;
}

describe('reading', () => {
  it('takes the newest value, and the oldest within the span to compare', () => {
    const table = tableOf([
      [20_000, 1],
      [50_000, 2],
      [99_000, 4],
    ]);
    expect(reading(table, 'last', 60_000, NOW)).toEqual({ value: 4, before: 2 });
  });

  it('adds up a span, and the one before it', () => {
    const table = tableOf([
      [70_000, 5],
      [85_000, 1],
      [95_000, 2],
    ]);
    expect(reading(table, 'sum', 20_000, NOW)).toEqual({ value: 3, before: 5 });
    expect(reading(table, 'avg', 20_000, NOW)).toEqual({ value: 1.5, before: 5 });
  });

  it('says zero of an empty span only when something was counted before', () => {
    expect(reading(tableOf([[70_000, 5]]), 'sum', 20_000, NOW)).toEqual({ value: 0, before: 5 });
    expect(reading(tableOf([]), 'sum', 20_000, NOW)).toEqual({ value: null, before: null });
  });
});

describe('settledEnd', () => {
  it('leaves out the bucket that is still filling', () => {
    expect(settledEnd(tableOf([[98_000, 1]]), 1000, NOW)).toBe(98_000);
  });

  it('is now where nothing was reported lately', () => {
    expect(settledEnd(tableOf([[20_000, 1]]), 1000, NOW)).toBe(NOW);
    expect(settledEnd(tableOf([]), 1000, NOW)).toBe(NOW);
  });
});

describe('changePercent', () => {
  it('is relative to what was before', () => {
    expect(changePercent({ value: 15, before: 10 })).toBe(50);
    expect(changePercent({ value: -15, before: -10 })).toBe(-50);
  });

  it('is unknown against nothing or zero', () => {
    expect(changePercent({ value: 1, before: null })).toBeNull();
    expect(changePercent({ value: 1, before: 0 })).toBeNull();
  });
});

describe('difference', () => {
  it('is in the unit of the value', () => {
    expect(difference({ value: 95, before: 40 })).toBe(55);
    expect(difference({ value: 95, before: null })).toBeNull();
  });
});
