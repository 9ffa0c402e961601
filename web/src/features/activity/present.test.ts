import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api } from '../../api/client';
import { FakeSocket } from '../../live/fake-socket';
import { FakeStreams } from '../../live/fake-streams';
import { Past } from './past.svelte';
import { Present } from './present.svelte';
import { EMPTY } from './question';

const NOW = Date.UTC(2026, 0, 1);
const SLOW_MS = 500;

function event(id: string): Record<string, unknown> {
  return { event_id: id, event_type: 'X', timestamp: new Date(NOW).toISOString(), metadata: {} };
}

/** A server with some events, as the network shows it. */
class Server {
  status = 200;
  recent = [event('a')];
  pages = [['e3', 'e2'], ['e1']];
  asked: URL[] = [];

  answer(path: string): Response {
    const url = new URL(path, 'http://host');
    this.asked.push(url);
    if (this.status !== 200) return Response.json({ detail: 'Not now.' }, { status: this.status });
    if (url.pathname.endsWith('/ticket')) return Response.json({ ticket: 't' });
    if (url.pathname.endsWith('/stats')) return Response.json({ active_users: this.asked.length });
    if (url.pathname.endsWith('/recent')) return Response.json({ events: this.recent });
    const page = Number(url.searchParams.get('cursor') ?? 0);
    const next_cursor = page + 1 < this.pages.length ? String(page + 1) : null;
    return Response.json({ events: (this.pages[page] ?? []).map(event), next_cursor });
  }
}

let server: Server;
let api: Api;
const page = { hidden: false, addEventListener: vi.fn(), removeEventListener: vi.fn() };

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  page.hidden = false;
  vi.stubGlobal('document', page);
  vi.stubGlobal('fetch', async (path: string) => {
    const answer = server.answer(path);
    if (path.includes('user_id=slow')) await new Promise((done) => setTimeout(done, SLOW_MS));
    return answer;
  });
  const nothing = (): void => undefined;
  api = new Api(nothing, nothing);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe('Present', () => {
  it('has news each second until it is stopped', async () => {
    const present = new Present(api, new FakeStreams(api).follow);
    const stop = present.follow(false);
    await after(0);
    expect(present.loaded).toBe(true);
    expect(present.events.map(({ event_id }) => event_id)).toEqual(['a']);
    server.recent = [event('b')];
    await after(1000);
    stop();
    expect(present.events.map(({ event_id }) => event_id)).toEqual(['b', 'a']);
    const asked = server.asked.length;
    await after(5000);
    expect(server.asked).toHaveLength(asked);
  });

  it('asks nothing while nobody looks', async () => {
    page.hidden = true;
    const stop = new Present(api, new FakeStreams(api).follow).follow(false);
    await after(3000);
    stop();
    expect(server.asked).toEqual([]);
  });

  it('keeps what it knew and says why there is nothing newer', async () => {
    const present = new Present(api, new FakeStreams(api).follow);
    const stop = present.follow(false);
    await after(0);
    server.status = 503;
    await after(1000);
    expect(present.failure).toBe('Not now.');
    expect(present.events).toHaveLength(1);
    server.status = 200;
    await after(1000);
    stop();
    expect(present.failure).toBe('');
  });
});

describe('Present, told by the server', () => {
  let present: Present;
  let stop: () => void;

  beforeEach(async () => {
    FakeSocket.all = [];
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('location', { href: 'https://host/activity' });
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    present = new Present(api, new FakeStreams(api).follow);
    stop = present.follow(true);
    await after(0);
  });

  afterEach(() => {
    stop();
    vi.restoreAllMocks();
  });

  function ids(): string[] {
    return present.events.map(({ event_id }) => event_id);
  }

  function polls(): number {
    return server.asked.filter(({ pathname }) => pathname.endsWith('/recent')).length;
  }

  it('asks once when it begins, and then shows what it is told', async () => {
    const socket = FakeSocket.last();
    expect(socket.url.href).toMatch(/^wss:.*[/]ws[/]activity[?]timezone=.+&ticket=t$/);
    server.recent = [event('missed'), event('a')];
    socket.tell({ event: 'stats:update', data: { active_users: 99 } });
    await after(0);
    expect(ids()).toEqual(['missed', 'a']);
    expect(present.stats?.active_users).toBe(99);
    const asked = polls();
    socket.tell({ event: 'activity:new', data: event('b') });
    socket.tell({ event: 'user:login', data: event('b') });
    socket.tell({ type: 'heartbeat' });
    socket.tell({ event: 'activity:new', data: event('c') });
    await after(100);
    expect(ids().sort()).toEqual(['a', 'b', 'c', 'missed']);
    await after(3000);
    expect(polls()).toBe(asked);
    expect(present.reconnecting).toBe(false);
  });

  it('asks each second while it reconnects, and catches up then', async () => {
    const first = FakeSocket.last();
    first.tell({ type: 'heartbeat' });
    await after(0);
    first.end(1006);
    expect(present.reconnecting).toBe(true);
    server.recent = [event('meanwhile')];
    await after(1000);
    expect(ids()).toContain('meanwhile');
    const again = FakeSocket.last();
    expect(again).not.toBe(first);
    first.tell({ event: 'activity:new', data: event('stale') });
    again.tell({ type: 'heartbeat' });
    await after(200);
    expect(present.reconnecting).toBe(false);
    expect(ids()).not.toContain('stale');
  });
});

describe('Past', () => {
  it('adds page after page of one question, from one moment on', async () => {
    const past = new Past(api);
    await past.ask(EMPTY, NOW);
    expect(past.hasMore).toBe(true);
    await past.more();
    expect(past.events.map(({ event_id }) => event_id)).toEqual(['e3', 'e2', 'e1']);
    expect(past.hasMore).toBe(false);
    expect(new Set(server.asked.map(({ searchParams }) => searchParams.get('start'))).size).toBe(1);
  });

  it('begins anew with another question', async () => {
    const past = new Past(api);
    await past.ask(EMPTY, NOW);
    await past.more();
    await past.ask({ ...EMPTY, user_id: 'ada' }, NOW);
    expect(past.events).toHaveLength(2);
    expect(server.asked.at(-1)?.searchParams.get('user_id')).toBe('ada');
  });

  it('shows only what was asked for last', async () => {
    const past = new Past(api);
    const first = past.ask({ ...EMPTY, user_id: 'slow' }, NOW);
    server.pages = [['mine']];
    await past.ask({ ...EMPTY, user_id: 'bob' }, NOW);
    await after(SLOW_MS);
    await first;
    expect(past.events.map(({ event_id }) => event_id)).toEqual(['mine']);
    expect(past.busy).toBe(false);
  });

  it('keeps its events when the next page fails, and can go on', async () => {
    const past = new Past(api);
    await past.ask(EMPTY, NOW);
    server.status = 503;
    await past.more();
    expect(past.failure).toBe('Not now.');
    expect(past.events).toHaveLength(2);
    server.status = 200;
    await past.more();
    expect(past.events).toHaveLength(3);
    expect(past.failure).toBe('');
  });
});
