import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../api/client';
import { LiveClient } from './client.svelte';
import { FakeBrowser } from './fake-browser';
import { FakeSocket } from './fake-socket';

const PATH = '/ws/a?b=c';

let browser: FakeBrowser;
let tabs: LiveClient[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  browser = new FakeBrowser();
  browser.install();
  tabs = [];
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

/** A tab that follows the stream, and all that it is told of it. */
async function openTab() {
  const api = new Api(
    () => undefined,
    () => undefined,
  );
  await api.login('a', 'b');
  const tab = new LiveClient(api, null);
  tabs.push(tab);
  const told: unknown[] = [];
  const leave = tab.follow(PATH, {
    state: ({ live, lost }) => told.push(live ? 'live' : lost ? 'lost' : 'over'),
    message: (message) => told.push(message),
    gone: () => told.push('gone'),
  });
  tab.start();
  await after(10);
  return { api, tab, told, leave };
}

/** The WebSockets of the stream that are open. */
function streams(): FakeSocket[] {
  return FakeSocket.all.filter(({ url, closed }) => url.pathname === '/ws/a' && !closed);
}

function tell(message: object): void {
  for (const socket of streams()) socket.tell(message);
}

describe.each(['own', 'shared'])('a stream over a line that is %s', (kind) => {
  beforeEach(() => {
    if (kind === 'shared') share();
  });

  it('is opened with a ticket, and tells what comes', async () => {
    const { told } = await openTab();
    expect(streams().map(({ url }) => url.href)).toEqual(['ws://host/ws/a?b=c&ticket=t']);
    tell({ n: 1 });
    tell({ n: 2 });
    expect(told).toEqual(['live', { n: 1 }, { n: 2 }]);
  });

  it('comes back by itself, and says that it was lost', async () => {
    const { told } = await openTab();
    tell({ n: 1 });
    streams()[0]?.end(1006);
    await after(10);
    tell({ n: 2 });
    expect(told).toEqual(['live', { n: 1 }, 'lost', 'live', { n: 2 }]);
  });

  it('is given up when what it is of is gone', async () => {
    const { told } = await openTab();
    tell({ n: 1 });
    streams()[0]?.end(4404);
    await after(60_000);
    expect(told).toEqual(['live', { n: 1 }, 'over', 'gone']);
    expect(streams()).toEqual([]);
  });

  it('is tried at once when somebody says so', async () => {
    const { tab } = await openTab();
    browser.status = 503;
    streams()[0]?.end(1006);
    await after(20_000);
    browser.status = 200;
    const opened = FakeSocket.all.length;
    tab.reconnect();
    await after(10);
    expect(FakeSocket.all.slice(opened).map(({ url }) => url.pathname)).toContain('/ws/a');
  });

  it('is closed by whoever leaves it, and with the page', async () => {
    const { leave } = await openTab();
    const { tab } = await openTab();
    leave();
    expect(streams()).toHaveLength(1);
    tab.stop();
    expect(streams()).toEqual([]);
  });

  it('begins anew when the page is shown again', async () => {
    const { told } = await openTab();
    tell({ n: 1 });
    browser.window.dispatchEvent(new Event('pagehide'));
    expect(streams()).toEqual([]);
    browser.window.dispatchEvent(new Event('pageshow'));
    await after(10);
    tell({ n: 2 });
    expect(told).toEqual(['live', { n: 1 }, 'lost', 'live', { n: 2 }]);
  });
});

describe('a stream shared by tabs', () => {
  beforeEach(share);

  it('is one for all, and tells whoever comes later that it is live', async () => {
    const first = await openTab();
    tell({ n: 1 });
    const second = await openTab();
    tell({ n: 2 });
    expect([streams().length, first.told, second.told]).toEqual([
      1,
      ['live', { n: 1 }, { n: 2 }],
      ['live', { n: 2 }],
    ]);
    first.tab.stop();
    tell({ n: 3 });
    expect([streams().length, second.told.at(-1)]).toEqual([1, { n: 3 }]);
  });

  it('is let go of when the only tab that follows it crashed', async () => {
    const { tab } = await openTab();
    browser.freeze(0);
    tab.stop();
    await after(75_000);
    expect(streams()).toEqual([]);
  });

  it('is opened anew by a tab that is left alone by its worker', async () => {
    const { told } = await openTab();
    tell({ n: 1 });
    browser.crashWorkers();
    await after(60_000);
    tell({ n: 2 });
    expect(told).toEqual(['live', { n: 1 }, 'lost', 'live', { n: 2 }]);
  });

  it('is another one when somebody else signs in', async () => {
    const { api, told } = await openTab();
    tell({ n: 1 });
    browser.user = 'bob';
    await api.login('a', 'b');
    await after(10);
    tell({ n: 2 });
    expect([...browser.workers.keys()]).toEqual(['nowline any']);
    expect(streams()).toHaveLength(1);
    expect(told).toEqual(['live', { n: 1 }, 'lost', 'live', { n: 2 }]);
  });

  it('asks a tab for another token when the server refuses the one it has', async () => {
    const { told } = await openTab();
    tell({ n: 1 });
    browser.tokens += 1;
    streams()[0]?.end(1012);
    await after(10);
    tell({ n: 2 });
    expect(told).toEqual(['live', { n: 1 }, 'lost', 'live', { n: 2 }]);
  });
});
