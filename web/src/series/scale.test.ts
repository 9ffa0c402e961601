import { describe, expect, it } from 'vitest';

import { niceScale } from './scale';

describe('niceScale', () => {
  it('stands on zero and ends on a round value', () => {
    expect(niceScale(3, 87)).toEqual({ min: 0, max: 100, ticks: [0, 25, 50, 75, 100] });
    expect(niceScale(0, 0.7).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  });

  it('uses round bytes for bytes', () => {
    expect(niceScale(0, 16 * 1024 ** 3, 1024).ticks.map((tick) => tick / 1024 ** 3)).toEqual([
      0, 4, 8, 12, 16,
    ]);
    expect(niceScale(0, 3 * 1024 ** 2, 1024).max).toBe(3 * 1024 ** 2);
  });

  it('never has more than five ticks, whatever the values', () => {
    for (let high = 0.013; high < 1e12; high *= 1.7) {
      const { ticks, max } = niceScale(0, high);
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(max).toBeGreaterThanOrEqual(high);
    }
  });

  it('holds negative values and a flat line of zeros', () => {
    expect(niceScale(-5, 5).min).toBeLessThanOrEqual(-5);
    expect(niceScale(0, 0)).toEqual({ min: 0, max: 1, ticks: [0, 0.25, 0.5, 0.75, 1] });
  });

  it('stands on another floor where there is one', () => {
    expect(niceScale(94, 99, 10, 90).min).toBe(90);
    expect(niceScale(80, 99, 10, 90).min).toBeLessThanOrEqual(80);
  });
});
