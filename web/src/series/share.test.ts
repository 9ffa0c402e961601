import { describe, expect, it } from 'vitest';

import { shareOf } from './share';
import { SeriesTable } from './table';

function tableOf(rows: [number, number][]): SeriesTable {
  const table = new SeriesTable();
  table.merge(
    rows.map(([ms, value]) => ({ timestamp: new Date(ms).toISOString(), value, tags: {} })),
  );
  return table;
}

describe('shareOf', () => {
  it('is zero where nothing failed and unknown where nothing happened', () => {
    const failed = tableOf([
      [1000, 1],
      [4000, 2],
    ]);
    const all = tableOf([
      [1000, 4],
      [2000, 8],
      [3000, 0],
    ]);
    const share = shareOf(failed, all);
    expect([...share.times]).toEqual([1000, 2000]);
    expect([...(share.columns[0]?.values ?? [])]).toEqual([25, 0]);
  });
});
