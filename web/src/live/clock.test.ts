import { describe, expect, it } from 'vitest';

import { ClockOffset } from './clock';

describe('ClockOffset', () => {
  it('is zero before anything is known', () => {
    expect(new ClockOffset().ms).toBe(0);
  });

  it('takes the fastest arrival while no ping was answered', () => {
    const clock = new ClockOffset();
    clock.arrival(1000, 1400);
    clock.arrival(2000, 2480);
    clock.arrival(3000, 3100);
    expect(clock.ms).toBe(480);
  });

  it('trusts the quickest of the answered pings more', () => {
    const clock = new ClockOffset();
    clock.arrival(1000, 1400);
    clock.roundTrip(200, 900, 760);
    clock.roundTrip(0, 20, 510);
    clock.roundTrip(100, 180, 660);
    expect(clock.ms).toBe(500);
  });

  it('forgets pings of long ago, as clocks drift', () => {
    const clock = new ClockOffset();
    clock.roundTrip(0, 2, 501);
    for (let i = 1; i <= 8; i += 1) clock.roundTrip(i * 1000, i * 1000 + 10, i * 1000 + 705);
    expect(clock.ms).toBe(700);
  });
});
