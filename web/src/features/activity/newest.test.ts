import { describe, expect, it } from 'vitest';

import type { ActivityEvent } from '../../api/resources';
import { chattyRate, isChatty, merge, ofTypes, Pace } from './newest';

const NOW = Date.UTC(2026, 0, 1);

function event(id: string, ageMs: number, type = 'USER_LOGIN', status?: number): ActivityEvent {
  return {
    event_id: id,
    event_type: type,
    user_id: null,
    organization_id: null,
    session_id: null,
    timestamp: new Date(NOW - ageMs).toISOString(),
    metadata: status === undefined ? {} : { status },
  };
}

function calls(count: number, everyMs: number): ActivityEvent[] {
  return Array.from({ length: count }, (_, i) => event(`c${String(i)}`, i * everyMs, 'API_CALL'));
}

describe('isChatty', () => {
  it('is what comes by the dozen, but not what failed', () => {
    const events = [event('a', 0, 'API_CALL', 404), event('b', 0, 'PAGE_VIEW')];
    expect(events.every(isChatty)).toBe(true);
    expect(isChatty(event('c', 0, 'API_CALL', 500))).toBe(false);
    expect(isChatty(event('d', 0))).toBe(false);
  });
});

describe('merge', () => {
  it('has each event once, newest first', () => {
    const merged = merge([event('b', 20), event('a', 30)], [event('c', 10), event('b', 20)]);
    expect(merged.map(({ event_id }) => event_id)).toEqual(['c', 'b', 'a']);
  });

  it('keeps what is rare however many calls come', () => {
    const merged = merge([event('login', 5000)], calls(300, 1));
    expect(merged.filter(isChatty)).toHaveLength(100);
    expect(merged.at(-1)?.event_id).toBe('login');
  });
});

describe('the pace', () => {
  it('is how many calls come a second', () => {
    expect(chattyRate(calls(50, 100), NOW)).toBe(5);
    // No more than a hundred are kept, which is less than ten seconds of them.
    expect(chattyRate(calls(100, 20), NOW)).toBeCloseTo(100 / 1.98);
    expect(chattyRate([event('a', 0)], NOW)).toBe(0);
  });

  it('does not switch to and fro', () => {
    const pace = new Pace();
    expect([1.5, 2.5, 1.5, 0.5, 1.5].map((rate) => pace.isTooFast(rate))).toEqual([
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('ofTypes', () => {
  const events = [event('a', 0), event('b', 1, 'ERROR'), event('c', 2, 'API_CALL', 200)];

  it('leaves only the types that are asked for, in their order', () => {
    expect(ofTypes(events, ['API_CALL', 'ERROR']).map(({ event_id }) => event_id)).toEqual([
      'b',
      'c',
    ]);
  });

  it('leaves all if none is asked for', () => {
    expect(ofTypes(events, [])).toEqual(events);
  });
});
