import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Api } from '../api/client';
import type { Point } from '../series/point';
import { LiveClient } from './client.svelte';
import { FakeBrowser } from './fake-browser';
import { Feed } from './feed.svelte';
import { Turns } from './turns';
import { View } from './view.svelte';

const WIDGETS = 20;
const SERIES = ['a', 'b', 'c', 'd', 'e'];
const WINDOW_S = 300;
/** The server's clock gains this much on the page's, as two cheap quartzes do. */
const DRIFT_PPM = 50;
const PATIENCE_MS = 300_000;

let browser: FakeBrowser;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2027, 0, 15, 8) });
  browser = new FakeBrowser();
  browser.install();
  let newest: { time: number; points: Point[] } = { time: 0, points: [] };
  browser.value = (_wanted, time) => {
    if (newest.time !== time) {
      const timestamp = new Date(time).toISOString();
      const valueOf = (i: number): number => i + 0.5 + (time % 97_000);
      const points = SERIES.map((core, i) => ({ timestamp, value: valueOf(i), tags: { core } }));
      newest = { time, points };
    }
    return newest.points;
  };
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

/** The page of somebody who never leaves it: its client, its clock and what its widgets hold. */
async function openPage() {
  const api = new Api(
    () => undefined,
    () => undefined,
  );
  await api.login('a', 'b');
  const live = new LiveClient(api, null);
  const view = new View(live);
  // Outside of a browser nothing is drawn that could be flushed.
  const turns = new Turns(undefined, (change) => {
    change();
  });
  live.start();
  const feeds = Array.from({ length: WIDGETS }, () => new Feed());
  const stops = feeds.map((feed, i) =>
    feed.follow({ api, live, view, turns }, `w${String(i)}`, {
      metric_name: `m${String(i)}`,
      aggregation: 'avg',
    }),
  );
  stops.push(view.run(), () => {
    live.stop();
  });
  return { live, view, feeds, stops };
}

/** One second of everything, the server's tick included. */
async function second(): Promise<void> {
  browser.aheadMs += DRIFT_PPM / 1000;
  vi.advanceTimersByTime(900);
  browser.tick();
  vi.advanceTimersByTime(99);
  // Answers to requests come now.
  await vi.advanceTimersByTimeAsync(1);
}

it(
  'stays as it is over nine hours: buffers, timers, listeners, memory and the clock',
  async () => {
    const { live, view, feeds, stops } = await openPage();
    const state = () => ({
      capacities: feeds.map(({ table }) => table.capacity),
      timers: vi.getTimerCount(),
      listeners: [browser.window.listeners, browser.document.listeners],
      connections: browser.connections.length,
      subscriptions: browser.subscriptions,
    });
    for (let s = 0; s < 2 * WINDOW_S; s += 1) await second();
    const early = { state: state(), heap: heapMb() };
    let worst = 0;
    for (let s = 2 * WINDOW_S; s < 9 * 3600; s += 1) {
      await second();
      worst = Math.max(worst, Math.abs(view.now() - browser.now));
    }
    expect(state()).toEqual(early.state);
    expect(heapMb() - early.heap).toBeLessThan(1);
    // The clocks are 1.6 s apart by now; a ping every 15 s, of which the last eight count.
    expect(browser.aheadMs).toBeGreaterThan(1600);
    expect(worst).toBeLessThan(10);
    for (const { table } of feeds) {
      expect(table.size / SERIES.length).toBeGreaterThanOrEqual(WINDOW_S);
      expect(table.size / SERIES.length).toBeLessThanOrEqual(WINDOW_S + 2);
      expect(browser.now - (table.newest ?? 0)).toBeLessThan(2000);
    }
    expect([live.state, browser.connections.length]).toEqual(['live', 1]);
    for (const stop of stops) stop();
    await vi.advanceTimersByTimeAsync(5000);
    expect([browser.window.listeners, browser.document.listeners]).toEqual([0, 0]);
    expect(browser.connections).toHaveLength(0);
  },
  PATIENCE_MS,
);
