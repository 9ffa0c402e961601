import { describe, expect, it } from 'vitest';

import type { ActivityEvent } from '../../api/resources';
import { ago, curl, curlTask, details, kindOf } from './event';

function event(event_type: string, metadata: Record<string, unknown> = {}): ActivityEvent {
  return {
    event_id: 'e1',
    event_type,
    user_id: 'ada',
    organization_id: null,
    session_id: null,
    timestamp: '2026-01-01T00:00:00.000Z',
    metadata,
  };
}

describe('kindOf', () => {
  it('names what it knows, and others in words', () => {
    expect(kindOf(event('USER_LOGIN'))).toMatchObject({ name: 'Login', tone: 'good' });
    expect(kindOf(event('COUPON_REDEEMED')).name).toBe('Coupon redeemed');
    expect(kindOf(event('user.Upgraded')).name).toBe('user.Upgraded');
  });

  it('marks a call by how it ended, with another mark where the server failed', () => {
    const kinds = [201, 404, '503', 'nonsense', undefined].map((status) =>
      kindOf(event('API_CALL', { status })),
    );
    expect(kinds.map(({ tone }) => tone)).toEqual(['plain', 'warning', 'bad', 'plain', 'plain']);
    expect(kinds[2]?.icon).not.toBe(kinds[0]?.icon);
    expect(kinds[2]?.name).toBe('API call failed');
  });
});

describe('details', () => {
  it('tells of a call where, how it ended and how long it took', () => {
    const call = { endpoint: '/orders', method: 'POST', status: 201, duration_ms: 18.44 };
    expect(details(event('API_CALL', call))).toBe('POST /orders · 201 · 18.4 ms');
  });

  it('tells what the usual names hold, and nothing of the rest', () => {
    expect(details(event('FEATURE_USED', { feature: 'gift_card', plan: 'pro' }))).toBe('gift card');
    const failed = { task_type: 'invoice', error_message: 'no paper', details: { a: 1 } };
    expect(details(event('TASK_FAILED', failed))).toBe('invoice · no paper');
    expect(details(event('USER_LOGOUT'))).toBe('');
  });
});

describe('ago', () => {
  it.each([
    [-400, 'now'],
    [1400, 'now'],
    [12_900, '12 s'],
    [61_000, '1 min'],
    [7_300_000, '2 h'],
    [200_000_000, '2 d'],
    [-240_000, 'in 4 min'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(ago(ms)).toBe(text);
  });
});

/** The JSON that a command sends. */
function body(command: string): unknown {
  return JSON.parse(/-d '([^']*)'/s.exec(command)?.[1] ?? '');
}

describe('the commands', () => {
  it('send events that the server knows', () => {
    const command = curl('http://host', 'KEY');
    expect(command).toContain('curl http://host/api/v1/ingest/events');
    expect(command).toContain('Bearer KEY');
    const { events } = body(command) as { events: { event_type: string }[] };
    expect(events.map(({ event_type }) => event_type)).toEqual(['USER_LOGIN', 'API_CALL']);
  });

  it('send a task that has just ended', () => {
    const { tasks } = body(curlTask('http://host', 'KEY', 1840)) as { tasks: unknown[] };
    expect(tasks[0]).toMatchObject({
      start_time: '1970-01-01T00:00:00.000Z',
      end_time: '1970-01-01T00:00:01.840Z',
    });
  });
});
