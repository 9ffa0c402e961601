import { describe, expect, it } from 'vitest';

import { SeriesTable } from './table';

const at = (second: number, value: number | null, tags: Record<string, string> = {}) => ({
  timestamp: new Date(second * 1000).toISOString(),
  value,
  tags,
});

describe('SeriesTable', () => {
  it('aligns series over shared times and leaves null where one has nothing', () => {
    const table = new SeriesTable();
    table.merge([at(1, 10, { core: '0' }), at(2, 11, { core: '0' }), at(2, 20, { core: '1' })]);
    expect(table.times).toEqual([1000, 2000]);
    expect(table.columns.map((column) => column.values)).toEqual([
      [10, 11],
      [null, 20],
    ]);
    expect(table.size).toBe(3);
    expect(table.newest).toBe(2000);
  });

  it('puts a late point in its place in time', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1), at(3, 3)]);
    expect(table.merge([at(2, 2)])).toEqual([]);
    expect(table.times).toEqual([1000, 2000, 3000]);
    expect(table.columns[0]?.values).toEqual([1, 2, 3]);
  });

  it('replaces a revised point and says which one it was', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1), at(2, 2)]);
    expect(table.merge([at(1, 5), at(2, 2)])).toEqual([{ key: '[]', time: 1000 }]);
    expect(table.columns[0]?.values).toEqual([5, 2]);
    expect(table.size).toBe(2);
  });

  it('knows tags in any order as the same series', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1, { a: 'x', b: 'y' }), at(2, 2, { b: 'y', a: 'x' })]);
    expect(table.columns).toHaveLength(1);
  });

  it('drops what expired and series with nothing left, once enough of it is old', () => {
    const table = new SeriesTable();
    table.merge([at(1, 1, { gone: 'yes' }), at(2, 2), at(3, 3), at(4, 4)]);
    table.trim(1500);
    expect(table.times).toEqual([2000, 3000, 4000]);
    expect(table.columns.map((column) => column.values)).toEqual([[2, 3, 4]]);
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
});
