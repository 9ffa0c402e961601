import { describe, expect, it } from 'vitest';

import { backoffMs } from './backoff';

describe('backoffMs', () => {
  it('doubles from an immediate first try up to 30 s', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7, 40].map((attempt) => backoffMs(attempt, 0.5));
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('spreads every wait by a quarter either way', () => {
    expect(backoffMs(3, 0)).toBe(3000);
    expect(backoffMs(3, 1)).toBe(5000);
  });
});
