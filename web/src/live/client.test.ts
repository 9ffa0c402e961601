import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../api/client';
import { LiveClient } from './client.svelte';
import { FakeBrowser } from './fake-browser';
import { FakeSocket } from './fake-socket';
import type { DataFrame, Wanted } from './protocol';
import { connectAhead, sharedWorker } from './shared-worker';

const CPU: Wanted = { query: { metric_name: 'cpu', aggregation: 'avg' }, interval: '1s' };
const DISK: Wanted = { query: { metric_name: 'disk', aggregation: 'avg' }, interval: '1s' };

let browser: FakeBrowser;
let tabs: LiveClient[];
let signedOut: number;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  browser = new FakeBrowser();
  browser.install();
  browser.value = (_wanted, time) => [
    { timestamp: new Date(time).toISOString(), value: time / 1000, tags: {} },
  ];
  tabs = [];
  signedOut = 0;
});

afterEach(() => {
  for (const tab of tabs) tab.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.resetModules();
});

async function after(ms: number): Promise<void> {
  await vi.dynamicImportSettled();
  await vi.advanceTimersByTimeAsync(ms);
}

/** Runs the worker's own script, as a browser would. */
function share(): void {
  browser.shareWith(async (name) => {
    const worker: { name: string; onconnect?: (event: { ports: unknown[] }) => void } = { name };
    vi.stubGlobal('self', worker);
    vi.resetModules();
    await import('./exchange.worker');
    return (port) => worker.onconnect?.({ ports: [port] });
  });
}

async function openTab(): Promise<{ tab: LiveClient; api: Api }> {
  const api = new Api(
    () => (signedOut += 1),
    () => undefined,
  );
  await api.login('a', 'b');
  const tab = new LiveClient(api, null);
  tabs.push(tab);
  tab.start();
  return { tab, api };
}

/** Watches, and keeps all that is told. */
function watch(tab: LiveClient, wanted: Wanted = CPU) {
  const frames: DataFrame[] = [];
  const problems: string[] = [];
  const stop = tab.watch('w', wanted, {
    data: (frame) => frames.push(frame),
    problem: ({ detail }) => problems.push(detail),
  });
  const kinds = (): string => frames.map(({ type }) => (type === 'snapshot' ? 'S' : 'u')).join('');
  return { frames, problems, kinds, stop };
}

describe.each(['own', 'shared'])('LiveClient over a connection that is %s', (kind) => {
  beforeEach(() => {
    if (kind === 'shared') share();
  });

  it('begins with a picture and goes on with updates', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    expect(tab.state).toBe('catching-up');
    await after(10);
    expect([tab.state, tab.transport, seen.kinds()]).toEqual(['live', 'ws', 'S']);
    browser.tick();
    browser.tick();
    await after(20);
    expect(seen.kinds()).toBe('Suu');
    expect(tab.latencyMs).toBeGreaterThanOrEqual(5);
    expect(browser.connections).toHaveLength(1);
  });

  it('asks once for what two of its widgets watch', async () => {
    const { tab } = await openTab();
    const [one, two] = [watch(tab), watch(tab)];
    await after(10);
    browser.tick();
    expect([browser.subscriptions, one.kinds(), two.kinds()]).toEqual([1, 'Su', 'Su']);
    one.stop();
    browser.tick();
    expect([browser.subscriptions, one.kinds(), two.kinds()]).toEqual([1, 'Su', 'Suu']);
  });

  it('resumes after the last frame, each missed one once', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.tick();
    browser.drop(FakeSocket.last(), 1006);
    browser.tick();
    browser.tick();
    await after(10);
    browser.tick();
    expect(seen.frames.map(({ frame }) => frame)).toEqual(['e-0', 'e-1', 'e-2', 'e-3', 'e-4']);
  });

  it('takes a new picture from a server that was started again', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.restart();
    expect(tab.state).toBe('reconnecting');
    await after(10);
    browser.tick();
    expect([tab.state, seen.kinds()]).toEqual(['live', 'SSu']);
  });

  it('waits 0, 1, 2, 4 … 30 s, says so, and offers to try at once after 5 minutes', async () => {
    const { tab } = await openTab();
    watch(tab);
    await after(10);
    const back = vi.fn();
    tab.whenBack(back);
    browser.status = 503;
    browser.drop(FakeSocket.last(), 1006);
    expect([tab.state, tab.failedTries]).toEqual(['reconnecting', 1]);
    const waits = [];
    for (let i = 0; i < 7; i += 1) {
      await after((tab.retryAt ?? 0) - Date.now());
      waits.push(Math.round(((tab.retryAt ?? 0) - Date.now()) / 1000));
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30]);
    await after(300_000);
    expect(tab.state).toBe('offline');
    browser.status = 200;
    tab.reconnect();
    await after(10);
    expect([tab.state, tab.failedTries]).toEqual(['live', 0]);
    expect(back).toHaveBeenCalled();
  });

  it('lets go of everything half a minute after it was hidden, and catches up', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.hide(true);
    await after(29_000);
    expect(browser.subscriptions).toBe(1);
    await after(1000);
    expect([browser.connections.length, browser.subscriptions]).toEqual([1, 0]);
    await after(5000);
    expect(browser.connections).toHaveLength(0);
    browser.tick();
    await after(600_000);
    const added = watch(tab, DISK);
    browser.hide(false);
    await after(20);
    expect([tab.state, seen.kinds(), added.kinds()]).toEqual(['live', 'Su', 'S']);
  });

  it('stays when it is shown again in time', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.hide(true);
    await after(20_000);
    browser.hide(false);
    await after(60_000);
    browser.tick();
    expect([FakeSocket.all.length, seen.kinds()]).toEqual([1, 'Su']);
  });

  it('closes its connection when the page is left, and opens it when the page comes back', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.window.dispatchEvent(new Event('pagehide'));
    await after(5000);
    expect(browser.connections).toHaveLength(0);
    browser.window.dispatchEvent(new Event('pageshow'));
    await after(10);
    browser.tick();
    expect([tab.state, seen.kinds()]).toEqual(['live', 'Su']);
  });

  it('tells why the server refused a query, and asks again where that may pass', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    const socket = FakeSocket.last();
    const id = socket.sent.find(({ type }) => type === 'subscribe')?.['id'];
    socket.tell({ type: 'error', id, status: 503, detail: 'Busy.' });
    expect(seen.problems).toEqual(['Busy.']);
    const asked = socket.sent.length;
    await after(5000);
    expect(socket.sent.slice(asked).filter(({ type }) => type === 'subscribe')).toHaveLength(1);
  });

  it('signs out when the server ends the session', async () => {
    const { tab } = await openTab();
    watch(tab);
    await after(10);
    browser.status = 401;
    browser.drop(FakeSocket.last(), 4401);
    await after(200);
    expect(signedOut).toBe(1);
  });

  it('comes back to a server that it asked for too much only when told to', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.tick();
    browser.drop(FakeSocket.last(), 1008);
    const opened = FakeSocket.all.length;
    await after(600_000);
    expect([tab.state, tab.retryAt, FakeSocket.all.length]).toEqual(['turned-away', null, opened]);
    tab.reconnect();
    await after(10);
    browser.tick();
    expect(tab.state).toBe('live');
    expect(seen.kinds()).toMatch(/^Su+/);
    expect(seen.frames.at(-1)?.type).toBe('metrics_update');
  });

  it('leaves no listener and no timer behind', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    seen.stop();
    tab.stop();
    expect([browser.window.listeners, browser.document.listeners]).toEqual([0, 0]);
    await after(5000);
    expect(browser.connections).toHaveLength(0);
  });
});

describe('a connection shared by tabs', () => {
  beforeEach(share);

  it('is one for all, with one subscription for what all watch', async () => {
    const [one, two] = [await openTab(), await openTab()];
    const first = watch(one.tab);
    await after(10);
    browser.tick();
    const second = watch(two.tab);
    await after(10);
    browser.tick();
    expect([FakeSocket.all.length, browser.subscriptions]).toEqual([1, 1]);
    // The first sees the picture for the second as well: it holds the same.
    expect([first.kinds(), second.kinds()]).toEqual(['SuSu', 'Su']);
    expect([one.tab.state, two.tab.state]).toEqual(['live', 'live']);
  });

  it('calls what it watches by the same name in every browser, in any order', async () => {
    const names = async (wanted: Wanted[]): Promise<unknown[]> => {
      const { tab } = await openTab();
      for (const one of wanted) watch(tab, one);
      await after(10);
      const asked = FakeSocket.last().sent.filter(({ type }) => type === 'subscribe');
      tab.stop();
      await after(6000);
      return asked.map(({ id }) => id).sort();
    };
    expect(await names([CPU, DISK])).toEqual(await names([DISK, CPU]));
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('outlives the tab that opened it', async () => {
    const [one, two] = [await openTab(), await openTab()];
    watch(one.tab);
    const second = watch(two.tab);
    await after(10);
    one.tab.stop();
    await after(60_000);
    browser.tick();
    expect([FakeSocket.all.length, second.kinds()]).toEqual([1, 'Su']);
  });

  it('lets go of what a crashed tab watched', async () => {
    const [one, two] = [await openTab(), await openTab()];
    watch(one.tab, DISK);
    watch(two.tab);
    await after(10);
    expect(browser.subscriptions).toBe(2);
    // Its last words are not heard.
    browser.freeze(0);
    one.tab.stop();
    await after(75_000);
    expect(browser.subscriptions).toBe(1);
  });

  it('is not shared with another user', async () => {
    const one = await openTab();
    watch(one.tab);
    await after(10);
    browser.user = 'bob';
    const other = await openTab();
    watch(other.tab);
    await after(10);
    expect([...browser.workers.keys()]).toEqual(['nowline any']);
    expect(browser.connections).toHaveLength(2);
  });

  it('is left for one of its own when somebody else signs in', async () => {
    const { tab, api } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.user = 'bob';
    await api.login('a', 'b');
    await after(10);
    expect([...browser.workers.keys()]).toEqual(['nowline any']);
    expect(seen.kinds()).toBe('SS');
    await after(5000);
    expect(browser.connections).toHaveLength(1);
  });

  it('asks a tab for another token when the server refuses the one it has', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.tokens += 1;
    browser.drop(FakeSocket.last(), 1012);
    await after(10);
    browser.tick();
    expect([tab.state, seen.kinds(), signedOut]).toEqual(['live', 'Su', 0]);
  });

  it('is opened anew, from where it was left, when the worker crashes', async () => {
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10);
    browser.tick();
    browser.crashWorkers();
    browser.tick();
    await after(60_000);
    browser.tick();
    expect(seen.frames.map(({ frame }) => frame)).toEqual(['e-0', 'e-1', 'e-2', 'e-3']);
    expect(tab.state).toBe('live');
  });

  it('is given up for one of the tab where the worker does not start', async () => {
    browser.shareWith(() => new Promise(() => undefined));
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(4999);
    expect(browser.connections).toHaveLength(0);
    await after(20);
    expect([tab.state, seen.kinds(), browser.connections.length]).toEqual(['live', 'S', 1]);
  });

  async function openAhead(): Promise<void> {
    const nothing = (): undefined => undefined;
    const api = new Api(nothing, nothing);
    await api.login('a', 'b');
    const worker = sharedWorker(null);
    if (worker) connectAhead(worker, api.user ?? '', api.token ?? '');
    await after(1000);
  }

  it('is there before the tab is, whose page is still on its way', async () => {
    await openAhead();
    expect([browser.connections.length, browser.subscriptions]).toEqual([1, 0]);
    const { tab } = await openTab();
    const seen = watch(tab);
    await after(10_000);
    expect([tab.state, seen.kinds(), browser.connections.length]).toEqual(['live', 'S', 1]);
  });

  it('closes if nothing is watched after all', async () => {
    await openAhead();
    expect(browser.connections).toHaveLength(1);
    await after(5000);
    expect(browser.connections).toHaveLength(0);
  });
});
