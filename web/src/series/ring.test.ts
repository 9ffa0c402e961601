import { describe, expect, it } from 'vitest';

import { median, Ring } from './ring';

describe('Ring', () => {
  it('keeps only the newest values, oldest first', () => {
    const ring = new Ring(3);
    [1, 2, 3, 4, 5].forEach((value) => {
      ring.push(value);
    });
    expect(ring.toArray()).toEqual([3, 4, 5]);
    expect(ring.length).toBe(3);
  });

  it('is readable before it is full, and empty once cleared', () => {
    const ring = new Ring(4);
    ring.push(7);
    expect(ring.toArray()).toEqual([7]);
    ring.clear();
    expect(ring.toArray()).toEqual([]);
  });
});

describe('median', () => {
  it('takes the middle, or the mean of the two middle values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNull();
  });
});
