import { describe, expect, it } from 'vitest';

import type { Tags } from './point';
import { sizeRows } from './sizes';

/** As the server tells the size that a value is of. */
function sizeOf(value: number): Tags {
  if (value === 0) return { from: '0', to: '0' };
  const step = Math.floor((Math.floor(Math.log(Math.abs(value)) / Math.log(1.02)) * 2) / 35);
  const edge = (at: number): number => 1.02 ** Math.ceil((at * 35) / 2);
  const [near, far] = [edge(step), edge(step + 1)];
  const bounds = value > 0 ? [near, far] : [-far, -near];
  const [from, to] = bounds.map((bound) => String(Number(bound.toPrecision(6))));
  return { from: from as string, to: to as string };
}

/** Each value counted once, at a time of its own. */
function rowsOf(values: readonly number[]): ReturnType<typeof sizeRows> {
  const byKey = new Map<string, { tags: Tags; values: (number | undefined)[] }>();
  values.forEach((value, i) => {
    const tags = sizeOf(value);
    const key = JSON.stringify(tags);
    const column = byKey.get(key) ?? { tags, values: values.map(() => undefined) };
    column.values[i] = 1;
    byKey.set(key, column);
  });
  const columns = [...byKey].map(([key, one]) => ({ key, values: one.values, lonely: [] }));
  const shape = { times: values.map((_, i) => i * 1000), columns };
  return sizeRows(
    shape,
    [...byKey.values()].map(({ tags }) => tags),
  );
}

function total(rows: ReturnType<typeof sizeRows>): number {
  return rows.flatMap(({ values }) => values).reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

describe('sizeRows', () => {
  it('has the greatest first, and those between that nothing is of', () => {
    const rows = rowsOf([16.5, 130]);
    expect(rows).toHaveLength(7);
    expect(rows[0]?.from).toBeCloseTo(128, 0);
    expect(rows.at(-1)?.to).toBeCloseTo(22.85, 1);
    expect(rows[3]?.values).toEqual([undefined, undefined]);
    rows.slice(1).forEach(({ to }, i) => {
      expect(to).toBe(rows[i]?.from);
    });
  });

  it('puts each value between the bounds of its row', () => {
    const values = [0.0004, 0.7, 1, 1.43, 3, 17, 250, 9999, 0, -3, -80];
    const rows = rowsOf(values);
    values.forEach((value, i) => {
      const row = rows.find((one) => one.values[i] === 1);
      expect(row?.from).toBeLessThanOrEqual(value + 1e-9);
      expect(row?.to).toBeGreaterThanOrEqual(value);
    });
  });

  it('joins neighbours until there are few, and loses no count', () => {
    const values = Array.from({ length: 90 }, (_, i) => 1.3 ** (i - 40));
    const rows = rowsOf(values);
    expect(rows.length).toBeLessThanOrEqual(24);
    expect(rows.length).toBeGreaterThan(12);
    expect(total(rows)).toBe(90);
  });

  it('leaves out what is no size, and is nothing of nothing', () => {
    const shape = { times: [0], columns: [{ key: '', values: [1], lonely: [] }] };
    expect(sizeRows(shape, [{}])).toEqual([]);
    expect(sizeRows({ times: [], columns: [] }, [])).toEqual([]);
  });
});
