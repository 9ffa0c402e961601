import { describe, expect, it } from 'vitest';

import { Ladder, transportOf } from './ladder';

function blocked(ladder: Ladder, times: number): void {
  for (let i = 0; i < times; i += 1) ladder.failed('blocked');
}

describe('Ladder', () => {
  it('starts at the top and has nowhere to climb', () => {
    const ladder = new Ladder();
    expect(ladder.current).toBe('ws');
    expect(ladder.climbAfterMs).toBeNull();
  });

  it('goes down one rung after two tries that did not get through', () => {
    const ladder = new Ladder();
    blocked(ladder, 1);
    expect(ladder.current).toBe('ws');
    blocked(ladder, 1);
    expect(ladder.current).toBe('sse');
    blocked(ladder, 2);
    expect(ladder.current).toBe('poll');
    blocked(ladder, 2);
    expect(ladder.current).toBe('ws');
  });

  it('does not blame the transport for a server that is down', () => {
    const ladder = new Ladder();
    for (let i = 0; i < 20; i += 1) ladder.failed('unreachable');
    expect(ladder.current).toBe('ws');
  });

  it('forgives a failure once frames arrive', () => {
    const ladder = new Ladder();
    blocked(ladder, 1);
    ladder.worked();
    blocked(ladder, 1);
    expect(ladder.current).toBe('ws');
  });

  it('climbs back, ever less often while that does not help', () => {
    const ladder = new Ladder();
    blocked(ladder, 2);
    expect(ladder.climbAfterMs).toBe(15_000);
    ladder.climb();
    expect(ladder.current).toBe('ws');
    blocked(ladder, 1);
    expect(ladder.current).toBe('sse');
    expect(ladder.climbAfterMs).toBe(30_000);
    for (let i = 0; i < 20; i += 1) {
      ladder.climb();
      blocked(ladder, 1);
    }
    expect(ladder.climbAfterMs).toBe(600_000);
    ladder.climb();
    ladder.worked();
    blocked(ladder, 2);
    expect(ladder.climbAfterMs).toBe(15_000);
  });

  it('never leaves a forced transport', () => {
    const ladder = new Ladder(transportOf('poll'));
    blocked(ladder, 10);
    expect(ladder.current).toBe('poll');
    expect(ladder.climbAfterMs).toBeNull();
    expect(transportOf('pigeon')).toBeNull();
  });
});
