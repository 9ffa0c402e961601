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

  it('follows clocks that drift apart where nothing answers a ping', () => {
    const clock = new ClockOffset();
    // Ours is fast by 50 ppm, and every tenth arrival is quick.
    for (let at = 0; at <= 9 * 3600_000; at += 1000) {
      const ours = at * 1.00005;
      clock.arrival(ours + (at % 10_000 ? 80 : 2), at);
    }
    expect(clock.ms).toBeGreaterThan(-9 * 3600 * 0.05 - 10);
    expect(clock.ms).toBeLessThan(-9 * 3600 * 0.05 + 15);
  });

  it('keeps what it knew over a new connection until that says more', () => {
    const clock = new ClockOffset();
    clock.roundTrip(0, 20, 510);
    clock.reset();
    expect(clock.ms).toBe(500);
    clock.roundTrip(1000, 1020, 1610);
    expect(clock.ms).toBe(600);
  });

  it('starts over when our clock is set back', () => {
    const clock = new ClockOffset();
    clock.arrival(500_000, 500_100);
    clock.arrival(100_000, 99_000);
    expect(clock.ms).toBe(-1000);
  });
});
