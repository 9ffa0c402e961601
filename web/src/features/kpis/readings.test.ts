import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../../api/client';
import type { Kpi } from '../../api/resources';
import { FakeSocket } from '../../live/fake-socket';
import { FakeStreams } from '../../live/fake-streams';
import { Readings } from './readings.svelte';

const EVERY_MS = 5000;
const EARLIER = '2026-01-01T00:00:59.999Z';
const NOW = '2026-01-01T00:01:00.400Z';
const LATER = '2026-01-01T00:01:59.999Z';
const AT_START = { name: '', previous: null, delta: null, period: 'minute' };

function kpi(code: string, name: string): Kpi {
  return { code, name, expression: '1', rules: [] };
}

/** A server with some KPIs, as the network shows it. */
class Server {
  kpis = [kpi('b', 'Orders'), kpi('a', 'Zeal')];
  gone = '';
  status = 200;
  asked: string[] = [];

  answer(path: string): Response {
    this.asked.push(path);
    if (this.status !== 200) return Response.json({ detail: 'Not now.' }, { status: this.status });
    if (path === '/api/auth/ticket') return Response.json({ ticket: 't' });
    if (path === '/api/v1/kpis') return Response.json({ kpis: this.kpis });
    const [, code, period] = /^\/kpi\/(.*)\?period=(.*)$/.exec(path) ?? [];
    if (code === this.gone) return Response.json({ detail: 'Gone.' }, { status: 404 });
    return Response.json({ code, period, value: this.asked.length, timestamp: NOW });
  }
}

let server: Server;
let readings: Readings;
const page = { hidden: false, addEventListener: vi.fn(), removeEventListener: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  server = new Server();
  page.hidden = false;
  vi.stubGlobal('document', page);
  vi.stubGlobal('fetch', (path: string) => Promise.resolve(server.answer(path)));
  const nothing = (): void => undefined;
  const api = new Api(nothing, nothing);
  readings = new Readings(api, new FakeStreams(api).follow);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe('Readings', () => {
  it('reads all KPIs by name, with the values of the period', async () => {
    const stop = readings.follow('hour', false);
    await after(0);
    stop();
    expect(readings.loaded).toBe(true);
    expect(readings.kpis.map(({ name }) => name)).toEqual(['Orders', 'Zeal']);
    expect([...readings.values.values()].map(({ period }) => period)).toEqual(['hour', 'hour']);
  });

  it('asks again every few seconds until it is stopped', async () => {
    const stop = readings.follow('day', false);
    await after(0);
    const first = readings.values.get('a')?.value;
    await after(EVERY_MS);
    stop();
    expect(readings.values.get('a')?.value).not.toBe(first);
    const asked = server.asked.length;
    await after(10 * EVERY_MS);
    expect(server.asked).toHaveLength(asked);
  });

  it('asks nothing while nobody looks', async () => {
    page.hidden = true;
    const stop = readings.follow('day', false);
    await after(3 * EVERY_MS);
    stop();
    expect(server.asked).toEqual([]);
  });

  it('shows no value of a KPI that was deleted meanwhile', async () => {
    server.gone = 'a';
    const stop = readings.follow('day', false);
    await after(0);
    stop();
    expect([...readings.values.keys()]).toEqual(['b']);
    expect(readings.failure).toBe('');
  });

  it('keeps the last values and says why there are no newer ones', async () => {
    const stop = readings.follow('day', false);
    await after(0);
    server.status = 503;
    await after(EVERY_MS);
    expect(readings.failure).toBe('Not now.');
    expect(readings.values.size).toBe(2);
    server.status = 200;
    await after(EVERY_MS);
    stop();
    expect(readings.failure).toBe('');
  });

  it('takes what is told when a period ends, unless it knows better', async () => {
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('location', { href: 'http://host/kpis' });
    const stop = readings.follow('minute', true);
    await after(0);
    const [a, b] = ['a', 'b'].map((code) => FakeSocket.of(`/ws/kpi/${code}`));
    expect(a?.url.searchParams.get('period')).toBe('minute');
    a?.tell({ ...AT_START, type: 'kpi_update', code: 'a', value: 7, timestamp: LATER });
    b?.tell({ ...AT_START, type: 'kpi_update', code: 'b', value: 8, timestamp: EARLIER });
    expect(readings.values.get('a')?.value).toBe(7);
    expect(readings.values.get('b')?.value).not.toBe(8);
    server.kpis = [kpi('b', 'Orders')];
    a?.end(4404);
    await after(0);
    expect(readings.kpis.map(({ code }) => code)).toEqual(['b']);
    stop();
    expect(b?.closed).toBe(true);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('forgets the values of the period before', async () => {
    readings.follow('day', false)();
    const stop = readings.follow('minute', false);
    expect(readings.values.size).toBe(0);
    await after(0);
    stop();
    expect(readings.values.get('a')?.period).toBe('minute');
  });
});
