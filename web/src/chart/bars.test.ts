import { describe, expect, it } from 'vitest';

import { barPlace } from './bars';

describe('barPlace', () => {
  it('stands in the middle of its bucket', () => {
    expect(barPlace(100, 10, { place: 0, places: 1 })).toEqual([101, 8]);
  });

  it('stands beside the others', () => {
    const [first, second] = [0, 1].map((place) => barPlace(0, 20, { place, places: 2 }));
    expect(first).toEqual([2, 8]);
    expect(second).toEqual([10, 8]);
  });

  it('is never so wide as to be a wall, nor so narrow as to vanish', () => {
    expect(barPlace(0, 400, { place: 0, places: 1 })).toEqual([180, 40]);
    expect(barPlace(0, 0.5, { place: 0, places: 1 })[1]).toBe(1);
  });
});
