import { describe, expect, it } from 'vitest';

import {
  DEFAULT_RANGE,
  durationMs,
  longer,
  rangeOf,
  RANGES,
  readRange,
  writeRange,
} from './window';

describe('ranges', () => {
  it('never ask for more than the default number of points', () => {
    for (const range of RANGES) {
      const points = range.spanMs / (durationMs(range.bucket) ?? NaN);
      expect(points).toBeGreaterThan(200);
      expect(points).toBeLessThanOrEqual(1000);
    }
  });

  it('fall back to the first one', () => {
    expect(rangeOf('6h').label).toBe('6h');
    expect(rangeOf('nonsense').label).toBe('5m');
    expect(rangeOf(null).label).toBe('5m');
  });
});

describe('durations', () => {
  it('are read in seconds, minutes, hours and days', () => {
    expect(durationMs('1s')).toBe(1000);
    expect(durationMs('5m')).toBe(300_000);
    expect(durationMs('2d')).toBe(172_800_000);
    expect(durationMs('live')).toBeNull();
  });

  it('compare by length', () => {
    expect(longer('1m', '10s')).toBe('1m');
    expect(longer('1s', '5m')).toBe('5m');
    expect(longer('live', '1s')).toBe('1s');
  });
});

describe('the range in an address', () => {
  it('is read back as it was written, and leaves other parameters alone', () => {
    const hour = rangeOf('1h');
    const params = writeRange(hour, new URLSearchParams('metric=a'));
    expect(params.toString()).toBe('metric=a&range=1h');
    expect(readRange(params)).toBe(hour);
  });

  it('goes without saying where it is the usual one', () => {
    const params = writeRange(DEFAULT_RANGE, new URLSearchParams('range=1h'));
    expect(params.toString()).toBe('');
    expect(readRange(params)).toBe(DEFAULT_RANGE);
  });
});
