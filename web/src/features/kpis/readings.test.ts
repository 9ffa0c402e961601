import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../../api/client';
import type { Kpi } from '../../api/resources';
import { Readings } from './readings.svelte';

const EVERY_MS = 5000;

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
    if (path === '/api/v1/kpis') return Response.json({ kpis: this.kpis });
    const [, code, period] = /^\/kpi\/(.*)\?period=(.*)$/.exec(path) ?? [];
    if (code === this.gone) return Response.json({ detail: 'Gone.' }, { status: 404 });
    return Response.json({ code, period, value: this.asked.length });
  }
}

let server: Server;
let readings: Readings;
const page = { hidden: false, addEventListener: vi.fn(), removeEventListener: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  page.hidden = false;
  vi.stubGlobal('document', page);
  vi.stubGlobal('fetch', (path: string) => Promise.resolve(server.answer(path)));
  const nothing = (): void => undefined;
  readings = new Readings(new Api(nothing, nothing));
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
    const stop = readings.follow('hour');
    await after(0);
    stop();
    expect(readings.loaded).toBe(true);
    expect(readings.kpis.map(({ name }) => name)).toEqual(['Orders', 'Zeal']);
    expect([...readings.values.values()].map(({ period }) => period)).toEqual(['hour', 'hour']);
  });

  it('asks again every few seconds until it is stopped', async () => {
    const stop = readings.follow('day');
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
    const stop = readings.follow('day');
    await after(3 * EVERY_MS);
    stop();
    expect(server.asked).toEqual([]);
  });

  it('shows no value of a KPI that was deleted meanwhile', async () => {
    server.gone = 'a';
    const stop = readings.follow('day');
    await after(0);
    stop();
    expect([...readings.values.keys()]).toEqual(['b']);
    expect(readings.failure).toBe('');
  });

  it('keeps the last values and says why there are no newer ones', async () => {
    const stop = readings.follow('day');
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

  it('forgets the values of the period before', async () => {
    readings.follow('day')();
    const stop = readings.follow('minute');
    expect(readings.values.size).toBe(0);
    await after(0);
    stop();
    expect(readings.values.get('a')?.period).toBe('minute');
  });
});
