import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../../api/client';
import { Stars } from './stars.svelte';

const BOARD = '0b5e3a1c-0000-4000-8000-000000000001';
let asked: string[];
let status: number;
let told: string[];
let hold: Promise<void> | null;
let stars: Stars;

beforeEach(() => {
  [asked, status, told, hold] = [[], 204, ['host'], null];
  vi.stubGlobal('fetch', async (path: string, { method }: RequestInit) => {
    asked.push(`${method ?? 'GET'} ${path}`);
    const now = [...told];
    await hold;
    if (method === undefined) return Response.json({ stars: now });
    if (status === 204) return new Response(null, { status });
    return Response.json({ detail: 'The disk is full.' }, { status });
  });
  const nothing = (): void => undefined;
  stars = new Stars(new Api(nothing, nothing));
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('Stars', () => {
  it('changes nothing before it knows what is starred', async () => {
    await stars.toggle('host');
    expect([stars.ids, asked]).toEqual([null, []]);
  });

  it('stars what people made and what is built in', async () => {
    await stars.load();
    await stars.toggle(BOARD);
    await stars.toggle('host');
    expect(stars.ids).toEqual([BOARD]);
    expect(asked.slice(1)).toEqual([
      `PUT /api/v1/dashboards/${BOARD}/star`,
      'DELETE /api/v1/templates/host/star',
    ]);
  });

  it('shows a change at once, and takes back what is refused', async () => {
    await stars.load();
    status = 507;
    const changing = stars.toggle(BOARD);
    expect(stars.has(BOARD)).toBe(true);
    await changing;
    expect([stars.has(BOARD), stars.problem]).toEqual([false, 'The disk is full.']);
    status = 204;
    await stars.toggle(BOARD);
    expect([stars.has(BOARD), stars.problem]).toEqual([true, '']);
  });

  it('does not let an older answer undo a change', async () => {
    await stars.load();
    let release = (): void => undefined;
    hold = new Promise((resolve) => (release = resolve));
    const loading = stars.load();
    const changing = stars.toggle(BOARD);
    release();
    await Promise.all([loading, changing]);
    expect(stars.ids).toEqual(['host', BOARD]);
  });

  it('keeps what it knew when the server does not answer', async () => {
    await stars.load();
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')));
    await stars.load();
    expect(stars.ids).toEqual(['host']);
  });
});
