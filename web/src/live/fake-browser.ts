import { vi } from 'vitest';

import { FakeSocket } from './fake-socket';
import type { Point } from '../series/point';
import type { Wanted } from './protocol';

/** An event target that counts who listens. */
export class Listened extends EventTarget {
  listeners = 0;

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners += 1;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners -= 1;
    super.removeEventListener(...args);
  }
}

/** An access token as the server signs them, as far as a page reads it. */
function tokenOf(user: string, number: number): string {
  return `e30.${btoa(JSON.stringify({ sub: user }))}.${String(number)}`;
}

/** A port to a shared worker: what is said on one end is heard on the other, as copies. */
class FakePort {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  other: FakePort | null = null;
  /** Its end is frozen or has crashed. */
  dead = false;

  postMessage(data: unknown): void {
    if (!this.dead && this.other?.dead === false)
      this.other.onmessage?.({ data: structuredClone(data) });
  }

  close(): void {
    this.other = null;
  }
}

/** A browser with a server, as the network shows it: frames by WebSocket, points by `value`. */
export class FakeBrowser {
  readonly document = Object.assign(new Listened(), { hidden: false });
  readonly window = new Listened();
  /** Names and connectors of the shared workers that run. */
  readonly workers = new Map<string, Promise<(port: FakePort) => void>>();
  /** Whether the server answers requests, and lets WebSockets open. */
  status = 200;
  opens = true;
  /** How far the server's clock is ahead. */
  aheadMs = 0;
  /** Whom the cookie is of, and how many tokens of theirs have expired. */
  user = 'alice';
  tokens = 0;
  readonly ports: FakePort[] = [];
  value: (wanted: Wanted, time: number) => Point[] = () => [];
  #drawings: (() => void)[] = [];
  #sequence = 0;
  #epoch = 'e';
  /** When each frame of the last minute was made. */
  readonly #made = new Map<number, number>();
  readonly #watched = new Map<FakeSocket, Map<string, Wanted>>();

  install(): void {
    FakeSocket.all = [];
    const opened = (socket: FakeSocket): void => {
      this.#serve(socket);
    };
    vi.stubGlobal('document', this.document);
    vi.stubGlobal('window', this.window);
    vi.stubGlobal('location', { href: 'http://host/' });
    vi.stubGlobal('localStorage', this.#shelf());
    const atOnce = (_name: string, work: () => unknown): unknown => work();
    vi.stubGlobal('navigator', { locks: { request: atOnce } });
    vi.stubGlobal('fetch', (path: string, init: { headers?: HeadersInit }) =>
      Promise.resolve(this.#answer(path, new Headers(init.headers).get('authorization'))),
    );
    vi.stubGlobal('requestAnimationFrame', (draw: () => void) => {
      if (this.#drawings.push(draw) === 1) setTimeout(() => this.#draw(), 8);
    });
    vi.stubGlobal(
      'WebSocket',
      class extends FakeSocket {
        constructor(url: string) {
          super(url);
          opened(this);
        }
      },
    );
  }

  /** Runs a shared worker's script when one is named that does not run yet. */
  shareWith(start: (name: string) => Promise<(port: FakePort) => void>): void {
    const { workers, ports } = this;
    vi.stubGlobal(
      'SharedWorker',
      class {
        readonly port = new FakePort();
        onerror: (() => void) | null = null;

        constructor(_url: unknown, { name }: { name: string }) {
          const far = new FakePort();
          [this.port.other, far.other] = [far, this.port];
          ports.push(this.port);
          const early: unknown[] = [];
          far.onmessage = ({ data }) => early.push(data);
          const connect = async (): Promise<void> => {
            const worker = workers.get(name) ?? start(name);
            workers.set(name, worker);
            (await worker)(far);
            for (const data of early.splice(0)) far.onmessage?.({ data });
          };
          void connect();
        }
      },
    );
  }

  /** The tab that was opened as the first, second … is not heard from any more. */
  freeze(tab: number): void {
    const port = this.ports[tab];
    if (port) port.dead = true;
  }

  crashWorkers(): void {
    this.workers.clear();
    for (const { other } of this.ports) if (other) other.dead = true;
  }

  /** The live connections that are open. */
  get connections(): FakeSocket[] {
    return [...this.#watched.keys()].filter(({ closed }) => !closed);
  }

  /** How many subscriptions the server has. */
  get subscriptions(): number {
    return this.connections.reduce((sum, one) => sum + (this.#watched.get(one)?.size ?? 0), 0);
  }

  /** The server's clock, epoch ms. */
  get now(): number {
    return Date.now() + this.aheadMs;
  }

  hide(hidden: boolean): void {
    this.document.hidden = hidden;
    this.document.dispatchEvent(new Event('visibilitychange'));
  }

  /** Tells everyone who watches what there is at this second. */
  tick(): void {
    this.#sequence += 1;
    this.#made.set(this.#sequence, this.now);
    this.#made.delete(this.#sequence - 60);
    for (const socket of this.connections) {
      for (const [id, wanted] of this.#watched.get(socket) ?? []) {
        socket.tell(this.#update(id, wanted, this.#sequence, this.now));
      }
    }
  }

  /** A server that knows nothing of what the last one sent. */
  restart(): void {
    this.#epoch += 'e';
    for (const socket of this.connections) this.drop(socket, 1012);
  }

  drop(socket: FakeSocket, code: number): void {
    this.#watched.delete(socket);
    socket.end(code);
  }

  #draw(): void {
    for (const draw of this.#drawings.splice(0)) draw();
  }

  #shelf(): object {
    const notes = new Map<string, string>();
    return {
      getItem: (key: string) => notes.get(key) ?? null,
      setItem: (key: string, note: string) => notes.set(key, note),
      removeItem: (key: string) => notes.delete(key),
    };
  }

  #answer(path: string, authorization: string | null): Response {
    if (this.status !== 200) return Response.json({ detail: 'Not now.' }, { status: this.status });
    const token = tokenOf(this.user, this.tokens);
    if (path !== '/api/auth/ticket') return Response.json({ access_token: token, expires_in: 900 });
    if (!authorization?.endsWith(`.${String(this.tokens)}`))
      return Response.json({}, { status: 401 });
    return Response.json({ ticket: 't' });
  }

  #serve(socket: FakeSocket): void {
    this.#watched.set(socket, new Map());
    socket.onsent = (message) => {
      this.#hear(socket, message);
    };
    setTimeout(() => {
      if (this.opens) socket.open();
      else this.drop(socket, 1006);
    }, 1);
  }

  #hear(socket: FakeSocket, message: Record<string, unknown>): void {
    socket.sent.push(message);
    const watched = this.#watched.get(socket);
    const id = String(message['id']);
    if (message['type'] === 'unsubscribe') watched?.delete(id);
    else if (message['type'] === 'ping') {
      socket.tell({ type: 'pong', time: new Date(this.now).toISOString() });
    } else if (message['type'] === 'subscribe') {
      watched?.set(id, message as unknown as Wanted);
      this.#begin(socket, id, message as unknown as Wanted, message['since']);
    }
  }

  #begin(socket: FakeSocket, id: string, wanted: Wanted, since: unknown): void {
    const [epoch, number] = typeof since === 'string' ? since.split('-') : [];
    const missed = [...this.#made].filter(([sequence]) => sequence > Number(number));
    if (epoch === this.#epoch && missed.length === this.#sequence - Number(number)) {
      for (const [sequence, at] of missed) socket.tell(this.#update(id, wanted, sequence, at));
      return;
    }
    if (since) socket.tell({ type: 'reset', id });
    const snapshot = this.#frame(id, wanted, this.#sequence, this.now);
    socket.tell({ ...snapshot, type: 'snapshot', newest_at: null });
  }

  #update(id: string, wanted: Wanted, sequence: number, at: number): object {
    const newest_at = new Date(at - 5).toISOString();
    return { ...this.#frame(id, wanted, sequence, at), type: 'metrics_update', newest_at };
  }

  #frame(id: string, wanted: Wanted, sequence: number, at: number): object {
    const data = this.value(wanted, Math.floor(at / 1000) * 1000);
    const published_at = new Date(at).toISOString();
    return { id, frame: `${this.#epoch}-${String(sequence)}`, data, published_at };
  }
}
