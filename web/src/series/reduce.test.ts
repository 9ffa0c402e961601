import { describe, expect, it } from 'vitest';

import { changePercent, difference, reading, settledEnd, shareReading } from './reduce';
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
    expect(reading(table, { how: 'last', zeroFill: true }, 60_000, NOW)).toEqual({
      value: 4,
      before: 2,
      overMs: 50_000,
    });
  });

  it('compares over the whole span where the data reaches back to its start', () => {
    const table = tableOf([
      [41_000, 2],
      [99_000, 4],
    ]);
    expect(reading(table, { how: 'last', zeroFill: true }, 60_000, NOW).overMs).toBe(60_000);
  });

  it('compares nothing with a first value', () => {
    expect(
      reading(tableOf([[99_000, 4]]), { how: 'last', zeroFill: true }, 60_000, NOW),
    ).toMatchObject({
      value: 4,
      before: null,
    });
  });

  it('adds up a span, and the one before it', () => {
    const table = tableOf([
      [70_000, 5],
      [85_000, 1],
      [95_000, 2],
    ]);
    expect(reading(table, { how: 'sum', zeroFill: true }, 20_000, NOW)).toEqual({
      value: 3,
      before: 5,
      overMs: 20_000,
    });
    expect(reading(table, { how: 'avg', zeroFill: true }, 20_000, NOW)).toEqual({
      value: 1.5,
      before: 5,
      overMs: 20_000,
    });
  });

  it('says zero of an empty span only when something was counted before', () => {
    expect(reading(tableOf([[70_000, 5]]), { how: 'sum', zeroFill: true }, 20_000, NOW)).toEqual({
      value: 0,
      before: 5,
      overMs: 20_000,
    });
    expect(reading(tableOf([]), { how: 'sum', zeroFill: true }, 20_000, NOW)).toMatchObject({
      value: null,
      before: null,
    });
  });
});

it('knows nothing of a silence of what reports even its zeros', () => {
  const how = { how: 'sum', zeroFill: false } as const;
  expect(reading(tableOf([[70_000, 5]]), how, 20_000, NOW).value).toBeNull();
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

  it('is nothing from zero to zero', () => {
    expect(changePercent({ value: 0, before: 0 })).toBe(0);
  });
});

describe('difference', () => {
  it('is in the unit of the value', () => {
    expect(difference({ value: 95, before: 40 })).toBe(55);
    expect(difference({ value: 95, before: null })).toBeNull();
  });
});

describe('shareReading', () => {
  const overMs = 60_000;

  it('is a percentage of all, zero where none were counted', () => {
    const part = { value: null, before: 1, overMs };
    const whole = { value: 8, before: 4, overMs };
    expect(shareReading(part, whole)).toEqual({ value: 0, before: 25, overMs });
  });

  it('is unknown where there was nothing at all', () => {
    const nothing = { value: 0, before: null, overMs };
    expect(shareReading(nothing, nothing)).toEqual({ value: null, before: null, overMs });
  });
});
