import type { Api } from '../api/client';
import { backoffMs } from './backoff';
import { ClockOffset } from './clock';
import { Ladder, type Failure, type TransportKind } from './ladder';
import { Latency } from './latency';
import { openPolling } from './poll';
import type { DataFrame, ErrorFrame, Frame, Wanted } from './protocol';
import { openEventStream } from './sse';
import { Subscriptions } from './subscriptions';
import type { End, Receiver, Transport } from './transport';
import { openWebSocket } from './websocket';

export type LiveState =
  'live' | 'degraded' | 'catching-up' | 'polling' | 'paused' | 'reconnecting' | 'offline';

/** Who reads one subscription. */
export interface Listener {
  /** A frame; `held` if it came while the page was paused, and is only shown now. */
  data(frame: DataFrame, held: boolean): void;
  problem(frame: ErrorFrame): void;
}

const OPENERS = { ws: openWebSocket, sse: openEventStream, poll: openPolling };
const PING_MS = 15_000;
const DEAD_AFTER_MS = 45_000;
const OFFLINE_AFTER_MS = 300_000;
/** Frames held while paused; beyond this a fresh snapshot is cheaper. */
const HELD_FRAMES = 5000;
const RESUBSCRIBE_MS = 5000;
/** When the first burst is over and a ping measures the network rather than the page. */
const SETTLED_MS = 2000;

/**
 * The tab's one live connection: keeps it up over whatever transport gets through, and hands
 * each frame to its reader exactly once.
 */
export class LiveClient {
  transport = $state<TransportKind>('ws');
  paused = $state(false);
  latencyMs = $state<number | null>(null);
  /** Every how many updates one came through of late: 1 unless this reader is too slow. */
  shownEvery = $state(1);
  /** When the next attempt is made, epoch ms; null while connected or connecting. */
  retryAt = $state<number | null>(null);
  /** How many tries to connect failed since the last that worked. */
  failedTries = $state(0);
  #connected = $state(false);
  #degraded = $state(false);
  #caughtUp = $state(false);
  #everConnected = $state(false);
  #gaveUp = $state(false);
  /** Leaving a transport that works for a better one is no trouble to tell of. */
  #climbing = $state(false);

  readonly state: LiveState = $derived.by(() => this.#summary());

  readonly #api: Api;
  readonly #ladder: Ladder;
  readonly #subscriptions = new Subscriptions();
  readonly #listeners = new Map<string, Listener>();
  /** The subscriptions whose newest frame was of a degraded server. */
  readonly #late = new Set<string>();
  readonly #clock = new ClockOffset();
  readonly #latency = new Latency(
    () => this.serverNow(),
    (medianMs) => (this.latencyMs = medianMs),
  );
  #current: Transport | null = null;
  #held: DataFrame[] = [];
  #overflowed = false;
  #names = 0;
  #lostAt = 0;
  #aliveAt = 0;
  #pingedAt = 0;
  #stopped = true;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #climb: ReturnType<typeof setTimeout> | undefined;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #shown = 0;
  #left = 0;
  #pulse: ReturnType<typeof setInterval> | undefined;

  constructor(api: Api, forced: TransportKind | null) {
    this.#api = api;
    this.#ladder = new Ladder(forced);
  }

  start(): void {
    this.#stopped = false;
    this.#lostAt = Date.now();
    this.#pulse = setInterval(() => {
      this.#beat();
    }, PING_MS);
    window.addEventListener('online', this.reconnect);
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#pulse);
    clearTimeout(this.#retry);
    clearTimeout(this.#climb);
    window.removeEventListener('online', this.reconnect);
    this.#current?.close();
    this.#current = null;
  }

  /** Tries at once, whatever the back-off says. */
  reconnect = (): void => {
    if (this.#connected || this.#stopped) return;
    this.failedTries = 0;
    this.#connect();
  };

  /** The server's clock, epoch ms, as well as it is known. */
  serverNow(): number {
    return Date.now() + this.#clock.ms;
  }

  /** Subscribes a reader until the returned function is called. */
  watch(name: string, wanted: Wanted, listener: Listener): () => void {
    this.#names += 1;
    const id = 'catalogue' in wanted ? name : `${name}~${String(this.#names)}`;
    this.#listeners.set(id, listener);
    const message = this.#subscriptions.add(id, wanted);
    this.#current?.subscribe(message);
    return () => {
      this.#listeners.delete(id);
      this.#mark(id, false);
      this.#subscriptions.remove(id);
      this.#current?.unsubscribe(id);
    };
  }

  /** Holds back what arrives, or lets it all through again. */
  pause(paused: boolean): void {
    this.paused = paused;
    if (paused) return;
    const held = this.#held;
    this.#held = [];
    held.forEach((frame) => {
      this.#deliver(frame, true);
    });
    this.#latency.reset();
    if (this.#overflowed) this.#startOver();
  }

  #summary(): LiveState {
    if (this.paused) return 'paused';
    if (this.#gaveUp) return 'offline';
    if (!this.#connected)
      return this.#everConnected && !this.#climbing ? 'reconnecting' : 'catching-up';
    if (!this.#caughtUp) return 'catching-up';
    if (this.#degraded) return 'degraded';
    return this.transport === 'poll' ? 'polling' : 'live';
  }

  #connect(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#climb);
    clearTimeout(this.#settle);
    this.#current?.close();
    this.retryAt = null;
    this.#aliveAt = Date.now();
    this.transport = this.#ladder.current;
    this.#current = OPENERS[this.transport](this.#api, this.#subscriptions, this.#receiver());
  }

  #receiver(): Receiver {
    return {
      opened: () => {
        this.#opened();
      },
      alive: () => {
        this.#alive();
      },
      frame: (frame) => {
        this.#receive(frame);
      },
      ended: (end) => {
        this.#ended(end);
      },
    };
  }

  #opened(): void {
    this.#aliveAt = Date.now();
    if (this.#connected) return;
    this.#connected = true;
    this.#everConnected = true;
    this.#caughtUp = false;
    this.#gaveUp = false;
    // A transport that can ping does so as it opens.
    this.#pingedAt = Date.now();
    this.#settle = setTimeout(() => {
      this.#ping();
    }, SETTLED_MS);
    this.#latency.reset();
    const after = this.#ladder.climbAfterMs;
    if (after !== null)
      this.#climb = setTimeout(() => {
        this.#climbUp();
      }, after);
  }

  #alive(): void {
    this.#aliveAt = Date.now();
    this.failedTries = 0;
    this.#caughtUp = true;
    this.#climbing = false;
    this.#ladder.worked();
  }

  #climbUp(): void {
    this.#ladder.climb();
    this.#climbing = true;
    this.#connected = false;
    this.#connect();
  }

  #ended({ reason, retryAfterMs }: End): void {
    if (reason === 'signed-out') void this.#api.recheck().catch(() => undefined);
    this.#lost(reason === 'blocked' ? 'blocked' : 'unreachable', retryAfterMs ?? 0);
  }

  #lost(failure: Failure, atLeastMs: number): void {
    if (this.#stopped) return;
    if (this.#connected) this.#lostAt = Date.now();
    this.#connected = false;
    this.latencyMs = null;
    clearTimeout(this.#climb);
    this.#ladder.failed(failure);
    this.#gaveUp = Date.now() - this.#lostAt > OFFLINE_AFTER_MS;
    const wait = Math.max(backoffMs(this.failedTries, Math.random()), atLeastMs);
    this.failedTries += 1;
    this.retryAt = Date.now() + wait;
    this.#retry = setTimeout(() => {
      this.#connect();
    }, wait);
  }

  /** Every 15 s: asks for a sign of life, and gives a silent connection up. */
  #beat(): void {
    if (!this.#connected) return;
    if (Date.now() - this.#aliveAt > DEAD_AFTER_MS) {
      this.#current?.close();
      this.#lost(this.#caughtUp ? 'unreachable' : 'blocked', 0);
      return;
    }
    this.#countSkipped();
    this.#ping();
  }

  #ping(): void {
    this.#pingedAt = Date.now();
    this.#current?.ping();
  }

  #startOver(): void {
    this.#overflowed = false;
    this.#subscriptions.forget();
    this.#connected = false;
    this.#connect();
  }

  #receive(frame: Frame): void {
    if (!this.#subscriptions.admit(frame)) return;
    if (frame.type === 'pong') {
      this.#clock.roundTrip(this.#pingedAt, Date.now(), Date.parse(frame.time));
    } else if (frame.type === 'heartbeat') {
      if (frame.time) this.#clock.arrival(Date.now(), Date.parse(frame.time));
    } else if (frame.type === 'error') {
      if (frame.id) this.#failed(frame.id, frame);
    } else if (frame.type !== 'reset') {
      this.#clock.arrival(Date.now(), Date.parse(frame.published_at));
      this.#hold(frame);
    }
  }

  /** Trouble of the server passes: the subscription is tried again, others are our own mistake. */
  #failed(id: string, frame: ErrorFrame): void {
    this.#listeners.get(id)?.problem(frame);
    if (frame.status < 500 && frame.status !== 429) return;
    setTimeout(() => {
      const message = this.#subscriptions.resumeOne(id);
      if (message) this.#current?.subscribe(message);
    }, RESUBSCRIBE_MS);
  }

  #hold(frame: DataFrame): void {
    if (!this.paused) this.#deliver(frame, false);
    else if (this.#held.length < HELD_FRAMES) this.#held.push(frame);
    else this.#overflowed = true;
  }

  #deliver(frame: DataFrame, held: boolean): void {
    this.#listeners.get(frame.id)?.data(frame, held);
    this.#mark(frame.id, frame.degraded === true && this.#listeners.has(frame.id));
    if (frame.type !== 'metrics_update') return;
    if (frame.newest_at && !held) this.#latency.arrived(Date.parse(frame.newest_at));
    this.#shown += 1;
    this.#left += frame.skipped ?? 0;
  }

  #mark(id: string, degraded: boolean): void {
    if (degraded) this.#late.add(id);
    else this.#late.delete(id);
    this.#degraded = this.#late.size > 0;
  }

  #countSkipped(): void {
    this.shownEvery = this.#shown > 0 ? Math.round((this.#shown + this.#left) / this.#shown) : 1;
    this.#shown = 0;
    this.#left = 0;
  }
}
