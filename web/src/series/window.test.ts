import { describe, expect, it } from 'vitest';

import { bucketFor, durationMs, longer, rangeOver, RANGES } from './window';

const HOUR = 3_600_000;

describe('ranges', () => {
  it('never ask for more than the default number of points', () => {
    for (const range of RANGES) {
      const points = range.spanMs / (durationMs(range.bucket) ?? NaN);
      expect(points).toBeGreaterThan(200);
      expect(points).toBeLessThanOrEqual(1000);
    }
  });

  it.each([
    [60_000, '1s'],
    [HOUR, '10s'],
    [24 * HOUR, '5m'],
    [7 * 24 * HOUR, '30m'],
    [365 * 24 * HOUR, '1d'],
  ])('of %d ms have buckets of %s', (spanMs, bucket) => {
    expect(bucketFor(spanMs)).toBe(bucket);
    expect(rangeOver(spanMs).bucket).toBe(bucket);
  });

  it('have narrower buckets where more of them are wanted', () => {
    expect(bucketFor(24 * HOUR, 100_000)).toBe('1s');
    expect(bucketFor(7 * 24 * HOUR, 100_000)).toBe('10s');
  });
});

describe('durations', () => {
  it('are read in seconds, minutes, hours, days and weeks', () => {
    expect(durationMs('1s')).toBe(1000);
    expect(durationMs('5m')).toBe(300_000);
    expect(durationMs('2d')).toBe(172_800_000);
    expect(durationMs('1w')).toBe(604_800_000);
    expect(durationMs('live')).toBeNull();
  });

  it('compare by length', () => {
    expect(longer('1m', '10s')).toBe('1m');
    expect(longer('1s', '5m')).toBe('5m');
    expect(longer('live', '1s')).toBe('1s');
  });
});
