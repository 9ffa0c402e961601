import { describe, expect, it } from 'vitest';

import type { Drawing } from './drawing';
import { byValue, OTHER_SLOT, slices, totals, type Total } from './totals';

const query = { metric_name: 'm', aggregation: 'sum' };
const drawing: Drawing = {
  shape: {
    times: [0, 1000, 2000],
    columns: [
      { key: 'a', values: [1, 2, 3], lonely: [] },
      { key: 'b', values: [4, null, undefined], lonely: [] },
    ],
  },
  series: [
    { key: '0a', label: 'a', slot: 0, hidden: false, latest: 3, query, tags: { region: 'a' } },
    { key: '0b', label: 'b', slot: 1, hidden: false, latest: 4, query, tags: { region: 'b' } },
  ],
};
const over = { bucketMs: 1000, spanMs: 3000, now: 3000 };
const plain = { overMs: null, perMs: null };

function values(config: Parameters<typeof totals>[1]): (number | null)[] {
  return totals(drawing, config, over).map(({ value }) => value);
}

describe('totals', () => {
  it('takes the newest value, the sum or the mean of what is shown', () => {
    expect(values({ ...plain, reduce: 'last' })).toEqual([3, 4]);
    expect(values({ ...plain, reduce: 'sum' })).toEqual([6, 4]);
    expect(values({ ...plain, reduce: 'avg' })).toEqual([2, 4]);
  });

  it('knows which of the answers each is', () => {
    const [, b] = totals(drawing, { ...plain, reduce: 'last' }, over);
    expect(b?.of).toEqual({ query, tags: { region: 'b' } });
  });

  it('keeps to a shorter span, and knows nothing where nothing was', () => {
    expect(values({ reduce: 'sum', overMs: 2000, perMs: null })).toEqual([5, null]);
  });

  it('makes a rate of the sum of rates', () => {
    expect(values({ reduce: 'sum', overMs: null, perMs: 1000 })).toEqual([2, 4 / 3]);
  });
});

function total(key: string, value: number | null, slot = 0): Total {
  return { key, label: key, slot, value };
}

describe('slices', () => {
  it('are the largest first, with their shares, and leave out what is nothing', () => {
    const cut = slices([total('a', 1), total('b', 3), total('c', 0), total('d', null)]);
    expect(cut.map(({ key, share }) => [key, share])).toEqual([
      ['b', 0.75],
      ['a', 0.25],
    ]);
  });

  it('put the smallest together', () => {
    const cut = slices(Array.from({ length: 12 }, (_, i) => total(String(i), i + 1, i % 8)));
    expect(cut).toHaveLength(9);
    expect(cut.at(-1)).toMatchObject({ label: 'other (4)', value: 10, slot: OTHER_SLOT });
    expect(cut.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  });

  it('have colours of their own', () => {
    const cut = slices(Array.from({ length: 8 }, (_, i) => total(String(i), i + 1, i % 3)));
    expect(new Set(cut.map(({ slot }) => slot)).size).toBe(8);
  });

  it('keep their colours as they change places', () => {
    const first = slices([total('a', 1, 2), total('b', 3, 2)]);
    const second = slices([total('a', 3, 2), total('b', 1, 2)]);
    const slotsOf = (cut: readonly Total[]): unknown =>
      Object.fromEntries(cut.map(({ key, slot }) => [key, slot]));
    expect(slotsOf(first)).toEqual(slotsOf(second));
  });
});

describe('byValue', () => {
  it('puts what is not known at the end', () => {
    const order = byValue([total('a', null), total('b', -1), total('c', 2)]);
    expect(order.map(({ key }) => key)).toEqual(['c', 'b', 'a']);
  });
});
