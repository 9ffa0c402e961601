import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../api/client';
import { FakeSocket } from './fake-socket';
import { FakeStreams } from './fake-streams';
import { Following } from './following.svelte';

const page = Object.assign(new EventTarget(), { hidden: false });
let tickets: number;
let status: number;
let heard: object[];
let begun: number;
let gone: number;
let following: Following;
let stop: () => void;
let streams: FakeStreams;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakeSocket.all = [];
  [tickets, status, heard, begun, gone] = [0, 200, [], 0, 0];
  page.hidden = false;
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', { href: 'http://host/x' });
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('fetch', () => {
    tickets += 1;
    return Promise.resolve(Response.json({ ticket: `t${String(tickets)}` }, { status }));
  });
  const nothing = (): void => undefined;
  streams = new FakeStreams(new Api(nothing, nothing));
  following = new Following(streams.follow, '/ws/a?b=c', {
    begin: () => (begun += 1),
    message: (message) => heard.push(message),
    gone: () => (gone += 1),
  });
  stop = following.start();
  await after(0);
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function look(hidden: boolean): void {
  page.hidden = hidden;
  page.dispatchEvent(new Event('visibilitychange'));
}

describe('Following', () => {
  it('opens a WebSocket with a ticket and is live once something is said', () => {
    expect(FakeSocket.last().url.href).toBe('ws://host/ws/a?b=c&ticket=t1');
    expect(following.live).toBe(false);
    FakeSocket.last().tell({ n: 1 });
    FakeSocket.last().tell({ n: 2 });
    expect([following.live, begun, heard]).toEqual([true, 1, [{ n: 1 }, { n: 2 }]]);
  });

  it('comes back after 0, 1, 2, 4 s and says that it was lost', async () => {
    FakeSocket.last().tell({});
    for (const [opened, wait] of [
      [2, 0],
      [3, 1000],
      [4, 2000],
      [5, 4000],
    ] as const) {
      FakeSocket.last().end(1006);
      expect([following.live, following.lost]).toEqual([false, true]);
      expect(FakeSocket.all).toHaveLength(opened - 1);
      await after(Math.max(wait - 1, 0));
      if (wait > 0) expect(FakeSocket.all).toHaveLength(opened - 1);
      await after(1);
      expect(FakeSocket.all).toHaveLength(opened);
    }
    FakeSocket.last().tell({});
    expect([following.live, following.lost, begun]).toEqual([true, false, 2]);
    FakeSocket.last().end(1012);
    await after(0);
    expect(FakeSocket.all).toHaveLength(6);
  });

  it('stays away for a while from a server that has no room', async () => {
    FakeSocket.last().end(1013);
    await after(9999);
    expect(FakeSocket.all).toHaveLength(1);
    await after(1);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('does not come back by itself to a server that it asked for too much', async () => {
    FakeSocket.last().tell({});
    FakeSocket.last().end(1008);
    await after(600_000);
    expect([FakeSocket.all.length, following.live, following.lost]).toEqual([1, false, false]);
    look(true);
    look(false);
    await after(0);
    FakeSocket.last().tell({});
    expect([FakeSocket.all.length, following.live]).toEqual([2, true]);
  });

  it('gives up what does not exist any more', async () => {
    FakeSocket.last().tell({});
    FakeSocket.last().end(4404);
    await after(60_000);
    look(false);
    await after(0);
    expect([gone, FakeSocket.all.length, following.lost]).toEqual([1, 1, false]);
  });

  it('leaves a connection that says nothing', async () => {
    await after(10_001);
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.all[0]?.closed).toBe(true);
    FakeSocket.last().tell({});
    await after(60_000);
    expect(FakeSocket.all.length).toBeGreaterThan(2);
  });

  it('is closed while nobody looks', async () => {
    FakeSocket.last().tell({});
    look(true);
    expect([following.live, following.lost, FakeSocket.last().closed]).toEqual([
      false,
      false,
      true,
    ]);
    await after(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    look(false);
    await after(0);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('tries again when no ticket is to be had', async () => {
    status = 503;
    FakeSocket.last().end(1006);
    await after(0);
    expect(FakeSocket.all).toHaveLength(1);
    status = 200;
    await after(6000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('tries at once when the server may be back, and only if it waits', async () => {
    streams.retry();
    await after(0);
    expect(FakeSocket.all).toHaveLength(1);
    for (let tries = 0; tries < 3; tries += 1) {
      FakeSocket.last().end(1006);
      await after(tries < 2 ? 1000 : 0);
    }
    const opened = FakeSocket.all.length;
    streams.retry();
    await after(0);
    expect(FakeSocket.all).toHaveLength(opened + 1);
    stop();
    streams.retry();
    await after(0);
    expect(FakeSocket.all).toHaveLength(opened + 1);
  });

  it('tells that it was signed out, and tries again with another ticket', async () => {
    FakeSocket.last().tell({});
    FakeSocket.last().end(4401);
    expect([streams.signedOut, following.lost]).toEqual([1, true]);
    await after(0);
    expect(FakeSocket.last().url.searchParams.get('ticket')).toBe('t2');
  });

  it('shares one WebSocket among all who follow the same, and closes it after the last', async () => {
    FakeSocket.last().tell({ n: 1 });
    const others: object[] = [];
    let isLive = false;
    const leave = streams.follow('/ws/a?b=c', {
      state: ({ live }) => (isLive = live),
      message: (message) => others.push(message),
      gone: () => undefined,
    });
    await after(0);
    expect([FakeSocket.all.length, isLive]).toEqual([1, true]);
    FakeSocket.last().tell({ n: 2 });
    expect([heard, others]).toEqual([[{ n: 1 }, { n: 2 }], [{ n: 2 }]]);
    stop();
    FakeSocket.last().tell({ n: 3 });
    expect([heard.length, others.length, FakeSocket.last().closed]).toEqual([2, 2, false]);
    leave();
    expect(FakeSocket.last().closed).toBe(true);
  });

  it('says no more once it is stopped', async () => {
    const socket = FakeSocket.last();
    stop();
    socket.tell({});
    socket.end(1006);
    await after(60_000);
    expect([heard, FakeSocket.all.length, socket.closed]).toEqual([[], 1, true]);
  });
});
