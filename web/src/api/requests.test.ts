import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Requests } from './requests';

class Own extends Requests {
  hold(token: string): void {
    this.held = token;
  }

  protected override renew(): Promise<boolean> {
    this.held = 'renewed';
    return Promise.resolve(true);
  }

  protected override end(): void {
    this.held = null;
  }
}

/** The tokens that were sent, one for each request. */
let sent: (string | null)[];
let statuses: number[];
let requests: Own;

beforeEach(() => {
  sent = [];
  statuses = [];
  vi.useFakeTimers();
  vi.stubGlobal('fetch', (_path: string, { headers }: { headers: Headers }) => {
    sent.push(headers.get('authorization'));
    const status = statuses.shift() ?? 200;
    return Promise.resolve(Response.json({ request: sent.length }, { status }));
  });
  requests = new Own();
  requests.hold('first');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('what is asked ahead of need', () => {
  it('answers the next request for it, and no other', async () => {
    await requests.askAhead('/a');
    expect(await requests.get('/b')).toEqual({ request: 2 });
    expect(await requests.get('/a')).toEqual({ request: 1 });
    expect(await requests.get('/a')).toEqual({ request: 3 });
  });

  it('does not answer what changes something', async () => {
    requests.askAhead('/a');
    expect(await requests.put('/a', {})).toEqual({ request: 2 });
  });

  it('does not answer somebody else', async () => {
    requests.askAhead('/a');
    requests.hold('second');
    expect(await requests.get('/a')).toEqual({ request: 2 });
    expect(sent).toEqual(['Bearer first', 'Bearer second']);
  });

  it('does not answer much later', async () => {
    requests.askAhead('/a');
    vi.advanceTimersByTime(11_000);
    expect(await requests.get('/a')).toEqual({ request: 2 });
  });

  it('is asked again with another token where the server refused the first', async () => {
    statuses = [401];
    requests.askAhead('/a');
    expect(await requests.get('/a')).toEqual({ request: 2 });
    expect(sent).toEqual(['Bearer first', 'Bearer renewed']);
  });
});
