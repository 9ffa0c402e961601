import { describe, expect, it } from 'vitest';

import { nearestRow, nearestValue } from './nearest';

describe('nearestRow', () => {
  const times = [10, 20, 30];

  it.each([
    [0, 0],
    [14, 0],
    [16, 1],
    [20, 1],
    [99, 2],
  ])('of %d is %d', (time, row) => {
    expect(nearestRow(times, time)).toBe(row);
  });

  it('is none where there are none', () => {
    expect(nearestRow([], 5)).toBe(-1);
  });
});

describe('nearestValue', () => {
  const times = [0, 10, 20, 30, 1000];

  it('takes the row itself, else the nearer of its neighbours', () => {
    expect(nearestValue([1, 2, 3, 4, 5], times, 1, 100)).toBe(1);
    expect(nearestValue([1, undefined, undefined, 4, 5], times, 1, 100)).toBe(0);
    expect(nearestValue([null, null, null, 4, 5], times, 1, 100)).toBe(3);
  });

  it('does not reach beyond what it may', () => {
    expect(nearestValue([1, null, null, null, null], times, 3, 20)).toBeNull();
    expect(nearestValue([null, null, null, null, 5], times, 3, 100)).toBeNull();
  });

  it('goes on over a row that is too far away on one side only', () => {
    expect(nearestValue([7, null, null, null, null], times, 3, 30)).toBe(0);
  });
});
