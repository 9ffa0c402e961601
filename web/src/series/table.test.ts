import { describe, expect, it } from 'vitest';

import { SeriesTable } from './table';

const at = (second: number, value: number | null, tags: Record<string, string> = {}) => ({
  timestamp: new Date(second * 1000).toISOString(),
  value,
  tags,
});

describe('SeriesTable', () => {
  it('aligns series over shared times and leaves NaN where one has nothing', () => {
    const table = new SeriesTable();
    table.merge([at(1, 10, { core: '0' }), at(2, 11, { core: '0' }), at(2, 20, { core: '1' })]);
    expect([...table.times]).toEqual([1000, 2000]);
    expect(table.columns.map((column) => [...column.values])).toEqual([
      [10, 11],
      [NaN, 20],
    ]);
    expect(table.size).toBe(3);
    expect(table.newest).toBe(2000);
  });

  it('puts a late point in its place in time', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1), at(3, 3)]);
    expect(table.merge([at(2, 2)])).toEqual([]);
    expect([...table.times]).toEqual([1000, 2000, 3000]);
    expect([...(table.columns[0]?.values ?? [])]).toEqual([1, 2, 3]);
  });

  it('replaces a revised point and says which one it was', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1), at(2, 2)]);
    expect(table.merge([at(1, 5), at(2, 2)])).toEqual([{ key: '[]', time: 1000 }]);
    expect([...(table.columns[0]?.values ?? [])]).toEqual([5, 2]);
    expect(table.size).toBe(2);
  });

  it('knows tags in any order as the same series', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1, { a: 'x', b: 'y' }), at(2, 2, { b: 'y', a: 'x' })]);
    expect(table.columns).toHaveLength(1);
  });

  it('drops what expired, and series with nothing left', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1, { gone: 'yes' }), at(2, 2), at(3, 3), at(4, 4)]);
    table.trim(1500);
    expect([...table.times]).toEqual([2000, 3000, 4000]);
    expect(table.columns.map((column) => [...column.values])).toEqual([[2, 3, 4]]);
    table.merge([at(5, 5)]);
    table.trim(2001);
    expect(table.times[0]).toBe(3000);
  });

  it('is empty once cleared', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1)]);
    table.clear();
    expect(table.newest).toBeNull();
    expect(table.columns).toEqual([]);
  });

  it('slides through arrays that do not grow any more once the window is full', () => {
    const table = new SeriesTable();
    const feed = (second: number): void => {
      table.merge([at(second, second, { core: '0' }), at(second, -second, { core: '1' })]);
      table.trim((second - 299) * 1000);
    };
    for (let second = 0; second < 600; second += 1) feed(second);
    const { capacity } = table;
    expect(capacity).toBeLessThanOrEqual(1024);
    for (let second = 600; second < 10_000; second += 1) feed(second);
    expect([table.capacity, table.times.length, table.size]).toEqual([capacity, 300, 600]);
    expect(table.columns.map(({ values }) => values[0])).toEqual([9700, -9700]);
    expect(table.columns.map(({ values }) => values.at(-1))).toEqual([9999, -9999]);
    expect(table.times.every((time, row) => time === (9700 + row) * 1000)).toBe(true);
  });

  it('holds what a plain map would, in any order of points', () => {
    const table = new SeriesTable();
    const plain = new Map<number, number>();
    // A fixed walk over late, early, repeated and newest seconds.
    let state = 7;
    for (let i = 0; i < 2000; i += 1) {
      state = (state * 1103515245 + 12345) % 2147483648;
      const second = Math.floor(i / 4) + (state % 50);
      plain.set(second, i);
      table.merge([at(second, i)]);
      if (i % 100 === 0) {
        table.trim((second - 30) * 1000);
        for (const known of plain.keys()) if (known < second - 30) plain.delete(known);
      }
    }
    const expected = [...plain].sort(([a], [b]) => a - b);
    expect([...table.times]).toEqual(expected.map(([second]) => second * 1000));
    expect([...(table.columns[0]?.values ?? [])]).toEqual(expected.map(([, value]) => value));
    expect(table.size).toBe(plain.size);
  });
});
