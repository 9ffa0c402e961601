import { describe, expect, it } from 'vitest';

import { timeLabel, timeTicks } from './time-axis';

const NOON = new Date(2026, 4, 1, 12, 0, 0).getTime();
const MINUTE = 60_000;

describe('timeTicks', () => {
  it.each([5, 15, 60, 360, 1440])('puts at most five round ticks into %d minutes', (minutes) => {
    const end = NOON + 12_345;
    const ticks = timeTicks(end - minutes * MINUTE, end, 5);
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(5);
    for (const tick of ticks) expect(new Date(tick).getSeconds()).toBe(0);
  });

  it('stays at the same moments while the window moves', () => {
    const before = timeTicks(NOON - 5 * MINUTE, NOON, 5);
    const after = timeTicks(NOON - 5 * MINUTE + 900, NOON + 900, 5);
    expect(after).toEqual(before.filter((tick) => tick >= NOON - 5 * MINUTE + 900));
  });
});

describe('timeLabel', () => {
  it('says seconds only where ticks are closer than a minute', () => {
    expect(timeLabel(NOON + 5000, 5000)).toBe('12:00:05');
    expect(timeLabel(NOON, MINUTE)).toBe('12:00');
  });
});
