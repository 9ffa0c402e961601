import { afterEach, describe, expect, it, vi } from 'vitest';

import type { Api } from '../../api/client';
import type { View } from '../../live/view.svelte';
import { PLAIN_CONFIG, type Widget } from '../../panels/widget';
import { RANGES } from '../../series/window';
import { filesOf, parametersOf, spanOf } from './files';

const HOUR = 3_600_000;
const NOW = 1_790_000_000_000;

function view(change: object = {}): View {
  const range = RANGES.find(({ spanMs }) => spanMs === HOUR);
  const time = { kind: 'last', range };
  const given = { range, time, spanMs: HOUR, moving: true, end: null, since: null };
  return { ...given, now: () => NOW, ...change } as unknown as View;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parametersOf', () => {
  it('moves with the clock while the page does', () => {
    const params = parametersOf(spanOf(view()), 'Europe/Rome', false);
    expect(params.toString()).toBe('timezone=Europe%2FRome&range=3600s');
  });

  it('stands still where the page does', () => {
    const params = parametersOf(spanOf(view({ moving: false })), 'UTC', false);
    expect(Object.fromEntries(params)).toEqual({
      timezone: 'UTC',
      range: '3600s',
      to: String(NOW),
    });
  });

  it('shows the window that the page was zoomed to', () => {
    const time = { kind: 'window', start: NOW - HOUR, end: NOW };
    const params = parametersOf(spanOf(view({ moving: false, time })), 'UTC', true);
    expect(Object.fromEntries(params)).toEqual({
      timezone: 'UTC',
      from: String(NOW - HOUR),
      to: String(NOW),
      theme: 'dark',
    });
  });
});

describe('filesOf', () => {
  it('has the points of each query under its label', async () => {
    const point = { timestamp: '2026-01-01T00:00:00Z', value: 1, tags: {} };
    const doors = { query: '/query' };
    const api = { doors, post: () => Promise.resolve({ data: [point] }) } as unknown as Api;
    const queries = ['a', 'b'].map((name) => ({ label: name, query: { metric_name: name } }));
    const config = { ...PLAIN_CONFIG, queries };
    const widget = { id: 'w', type: 'chart', title: 'Both', config } as unknown as Widget;
    const [kept] = await filesOf(api, widget, view(), 'json');
    const file = JSON.parse((await kept?.file.text()) ?? '') as {
      title: string;
      queries: { label: string; query: object; data: unknown[] }[];
    };
    expect(file.title).toBe('Both');
    expect(file.queries.map(({ label, data }) => [label, data])).toEqual([
      ['a', [point]],
      ['b', [point]],
    ]);
    expect(file.queries[0]?.query).toMatchObject({
      metric_name: 'a',
      time_range: { last: '3600s' },
    });
  });

  it('has a table for each query', async () => {
    const fetch = (): Promise<Response> => Promise.resolve(new Response('timestamp,value'));
    const api = { doors: { query: '/query' }, fetch } as unknown as Api;
    const queries = ['a', 'b'].map((name) => ({ label: name, query: { metric_name: name } }));
    const config = { ...PLAIN_CONFIG, queries };
    const widget = { id: 'w', type: 'chart', title: 'Both', config } as unknown as Widget;
    const found = await filesOf(api, widget, view(), 'csv');
    expect(found.map(({ name }) => name)).toEqual(['Both a', 'Both b']);
    expect(await found[0]?.file.text()).toBe('timestamp,value');
  });
});
