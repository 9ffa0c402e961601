import type { Requests } from '../api/requests';
import { backoffMs } from './backoff';
import { ClockOffset } from './clock';
import { Ladder, type Failure, type TransportKind } from './ladder';
import { AT_FIRST, type Phase, type Status } from './line';
import { openPolling } from './poll';
import type { ErrorFrame, Frame, Wanted } from './protocol';
import { openEventStream } from './sse';
import { Subscriptions } from './subscriptions';
import type { End, Receiver, Transport } from './transport';
import { openWebSocket } from './websocket';

const OPENERS = { ws: openWebSocket, sse: openEventStream, poll: openPolling };
const PING_MS = 15_000;
const DEAD_AFTER_MS = 45_000;
const OFFLINE_AFTER_MS = 300_000;
const RESUBSCRIBE_MS = 5000;
/** When the first burst is over and a ping measures the network rather than the page. */
const SETTLED_MS = 2000;
/** From one page to another there is a moment in which nothing is watched. */
const IDLE_MS = 5000;

/** Who is told of what comes over a connection. */
export interface Owner {
  /** A frame that was not told before. */
  frame(frame: Frame): void;
  status(status: Status): void;
  /** The server ended the session. */
  signedOut(): void;
}

/**
 * The connection to the server: keeps it up over whatever transport gets through while anything
 * is watched, and tells of each frame exactly once.
 */
export class Connection {
  readonly #requests: Requests;
  readonly #owner: Owner;
  readonly #ladder: Ladder;
  readonly #subscriptions = new Subscriptions();
  readonly #clock = new ClockOffset();
  #status: Status = AT_FIRST;
  #current: Transport | null = null;
  #connected = false;
  #caughtUp = false;
  #everConnected = false;
  /** The server wants no more of us: only a person, or a reload, brings us back. */
  #turnedAway = false;
  /** Leaving a transport that works for a better one is no trouble to tell of. */
  #climbing = false;
  #failedTries = 0;
  #lostAt = 0;
  #aliveAt = 0;
  #pingedAt = 0;
  #stopped = true;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #climb: ReturnType<typeof setTimeout> | undefined;
  #settle: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #pulse: ReturnType<typeof setInterval> | undefined;
  /** Subscriptions that the server had trouble with, and when they are tried again. */
  readonly #again = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(requests: Requests, forced: TransportKind | null, owner: Owner) {
    this.#requests = requests;
    this.#owner = owner;
    this.#ladder = new Ladder(forced);
  }

  get status(): Status {
    return this.#status;
  }

  /** The last frame that was told of a subscription. */
  position(id: string): string | null {
    return this.#subscriptions.position(id);
  }

  /** Connects ahead of need, where that takes no subscription; closes soon if nothing is watched. */
  open(): void {
    if (!this.#stopped || this.#ladder.current !== 'ws') return;
    this.#start();
    this.#stopSoon();
  }

  /** Watches from `since` on, or from a new picture; the first opens the connection. */
  watch(id: string, wanted: Wanted, since: string | null): void {
    clearTimeout(this.#idle);
    const message = this.#subscriptions.add(id, wanted, since);
    if (this.#stopped) this.#start();
    else this.#current?.subscribe(message);
  }

  /** Asks for a new picture, unless one is on its way. */
  renew(id: string): void {
    if (this.position(id) === null) return;
    this.#subscriptions.admit({ type: 'reset', id });
    this.#resubscribe(id);
  }

  /** Asks again for what the server refused or had trouble with. */
  #resubscribe(id: string): void {
    clearTimeout(this.#again.get(id));
    this.#again.delete(id);
    const message = this.#subscriptions.resumeOne(id);
    if (message) this.#current?.subscribe(message);
  }

  /** Watches no more; the connection closes soon after the last one. */
  leave(id: string): void {
    clearTimeout(this.#again.get(id));
    this.#again.delete(id);
    this.#subscriptions.remove(id);
    this.#current?.unsubscribe(id);
    if (this.#subscriptions.size === 0) this.#stopSoon();
  }

  #stopSoon(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.stop();
    }, IDLE_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#connected = false;
    this.#everConnected = false;
    this.#turnedAway = false;
    this.#failedTries = 0;
    clearTimeout(this.#idle);
    clearInterval(this.#pulse);
    for (const timer of this.#again.values()) clearTimeout(timer);
    this.#again.clear();
    this.#drop();
    this.#tell(null);
  }

  /** Tries at once, whatever the back-off says. */
  reconnect(): void {
    if (this.#connected || this.#stopped) return;
    this.#failedTries = 0;
    this.#turnedAway = false;
    this.#connect();
  }

  #start(): void {
    this.#stopped = false;
    this.#lostAt = Date.now();
    this.#pulse = setInterval(() => {
      this.#beat();
    }, PING_MS);
    this.#connect();
  }

  #drop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#climb);
    clearTimeout(this.#settle);
    this.#current?.close();
    this.#current = null;
  }

  #connect(): void {
    this.#drop();
    this.#aliveAt = Date.now();
    this.#tell(null);
    this.#current = OPENERS[this.#ladder.current](
      this.#requests,
      this.#subscriptions,
      this.#receiver(),
    );
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
    this.#clock.reset();
    // A transport that can ping does so as it opens.
    this.#pingedAt = Date.now();
    this.#settle = setTimeout(() => {
      this.#ping();
    }, SETTLED_MS);
    const after = this.#ladder.climbAfterMs;
    if (after !== null) {
      this.#climb = setTimeout(() => {
        this.#climbUp();
      }, after);
    }
    this.#tell(null);
  }

  #alive(): void {
    this.#aliveAt = Date.now();
    this.#failedTries = 0;
    this.#climbing = false;
    this.#ladder.worked();
    if (this.#caughtUp) return;
    this.#caughtUp = true;
    this.#tell(null);
  }

  #climbUp(): void {
    this.#ladder.climb();
    this.#climbing = true;
    this.#connected = false;
    this.#connect();
  }

  #ended({ reason, retryAfterMs }: End): void {
    if (reason === 'signed-out') this.#owner.signedOut();
    if (reason === 'turned-away') this.#turnAway();
    else this.#lost(reason === 'blocked' ? 'blocked' : 'unreachable', retryAfterMs ?? 0);
  }

  #turnAway(): void {
    if (this.#stopped) return;
    this.#connected = false;
    this.#turnedAway = true;
    this.#drop();
    this.#tell(null);
  }

  #lost(failure: Failure, atLeastMs: number): void {
    if (this.#stopped) return;
    if (this.#connected) this.#lostAt = Date.now();
    this.#connected = false;
    this.#drop();
    this.#ladder.failed(failure);
    const wait = Math.max(backoffMs(this.#failedTries, Math.random()), atLeastMs);
    this.#failedTries += 1;
    this.#retry = setTimeout(() => {
      this.#connect();
    }, wait);
    this.#tell(Date.now() + wait);
  }

  /** Every 15 s: asks for a sign of life, and gives a silent connection up. */
  #beat(): void {
    if (!this.#connected) return;
    if (Date.now() - this.#aliveAt > DEAD_AFTER_MS) {
      this.#lost(this.#caughtUp ? 'unreachable' : 'blocked', 0);
      return;
    }
    this.#ping();
  }

  #ping(): void {
    this.#pingedAt = Date.now();
    this.#current?.ping();
  }

  #receive(frame: Frame): void {
    if (!this.#subscriptions.admit(frame)) return;
    if (frame.type === 'pong') {
      this.#clock.roundTrip(this.#pingedAt, Date.now(), Date.parse(frame.time));
    } else if (frame.type === 'heartbeat') {
      if (frame.time) this.#clock.arrival(Date.now(), Date.parse(frame.time));
    } else if (frame.type === 'error') {
      this.#failed(frame);
    } else {
      if (frame.type !== 'reset') this.#clock.arrival(Date.now(), Date.parse(frame.published_at));
      this.#tell(this.#status.retryAt);
      this.#owner.frame(frame);
      return;
    }
    this.#tell(this.#status.retryAt);
  }

  /** Trouble of the server passes: the subscription is tried again, others are our own mistake. */
  #failed(frame: ErrorFrame): void {
    const { id, status } = frame;
    if (!id) return;
    this.#owner.frame(frame);
    if (status < 500 && status !== 429) return;
    clearTimeout(this.#again.get(id));
    const again = setTimeout(() => {
      this.#resubscribe(id);
    }, RESUBSCRIBE_MS);
    this.#again.set(id, again);
  }

  get #phase(): Phase {
    if (this.#turnedAway) return 'turned-away';
    if (this.#connected) return this.#caughtUp ? 'up' : 'catching-up';
    if (!this.#stopped && Date.now() - this.#lostAt > OFFLINE_AFTER_MS) return 'offline';
    return this.#everConnected && !this.#climbing ? 'reconnecting' : 'catching-up';
  }

  /** Tells how things stand, if that changed. */
  #tell(retryAt: number | null): void {
    const before = this.#status;
    const now: Status = {
      phase: this.#phase,
      transport: this.#ladder.current,
      retryAt,
      failedTries: this.#failedTries,
      aheadMs: this.#clock.ms,
    };
    const isSame = (Object.keys(now) as (keyof Status)[]).every((key) => now[key] === before[key]);
    this.#status = now;
    if (!isSame) this.#owner.status(now);
  }
}
