import { describe, expect, it } from 'vitest';

import { rolling } from './rolling';

function rolled(values: (number | null | undefined)[], buckets: number): unknown {
  const times = values.map((_, i) => i);
  return rolling({ times, columns: [{ key: 'a', values, lonely: [] }] }, buckets).columns[0]
    ?.values;
}

describe('rolling', () => {
  it('adds up a span that rolls along, once there is a whole one', () => {
    expect(rolled([1, 2, 3, 4, 0, 5], 3)).toEqual([undefined, undefined, 6, 9, 7, 9]);
  });

  it('begins anew after a gap', () => {
    expect(rolled([1, 2, null, 3, 4], 2)).toEqual([undefined, 3, null, undefined, 7]);
  });

  it('is the values themselves for a span of one bucket', () => {
    expect(rolled([1, null, 2], 1)).toEqual([1, null, 2]);
  });
});
