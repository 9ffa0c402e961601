import { describe, expect, it } from 'vitest';

import { heatOf, heatScale } from './heat';

describe('heatScale', () => {
  it('goes from zero to the greatest value', () => {
    expect(heatScale([2, 8, 5], null, null)).toEqual({ low: 0, high: 8, isCut: false });
  });

  it('goes below zero where values do', () => {
    expect(heatScale([-4, 4], null, null).low).toBe(-4);
  });

  it('keeps to the ends that are given', () => {
    expect(heatScale([2, 8], 1, 5)).toEqual({ low: 1, high: 5, isCut: true });
  });

  it('is cut where one value would make all others look alike', () => {
    const values = [...Array.from({ length: 99 }, (_, i) => i + 1), 5000];
    const scale = heatScale(values, null, null);
    expect(scale.isCut).toBe(true);
    expect(scale.high).toBeLessThan(100);
  });

  it('is a scale even of nothing', () => {
    expect(heatScale([], null, null)).toEqual({ low: 0, high: 1, isCut: false });
    expect(heatScale([0, 0], null, null)).toEqual({ low: 0, high: 1, isCut: false });
  });
});

describe('heatOf', () => {
  it('stays within the scale', () => {
    const scale = { low: 10, high: 20, isCut: true };
    expect([5, 10, 15, 20, 99].map((value) => heatOf(value, scale))).toEqual([0, 0, 0.5, 1, 1]);
  });
});
