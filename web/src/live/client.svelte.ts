import type { Caller } from '../api/requests';
import type { Follow } from './following.svelte';
import { Latency } from './latency';
import type { TransportKind } from './ladder';
import { AT_FIRST, type Line, type Phase, type Status, type Told, type ToldOfStream } from './line';
import { openLine } from './lines';
import type { DataFrame, ErrorFrame, Frame, Wanted } from './protocol';
import type { StreamReader } from './stream';
import { Subscriptions } from './subscriptions';

export type LiveState = Exclude<Phase, 'up'> | 'live' | 'degraded' | 'polling' | 'paused';

/** Who reads one subscription. */
export interface Listener {
  /** A frame; `held` if it came while the page was paused, and is only shown now. */
  data(frame: DataFrame, held: boolean): void;
  problem(frame: ErrorFrame): void;
}

/** A stream of one thing, as it is read here. */
interface Followed {
  path: string;
  reader: StreamReader;
  live: boolean;
}

const COUNT_MS = 15_000;
/** Frames held while paused; beyond this a fresh snapshot is cheaper. */
const HELD_FRAMES = 5000;
/** A tab that is hidden for longer lets go of what it watches, and catches up when it is shown. */
const AWAY_AFTER_MS = 30_000;

/**
 * What the tab reads live, over a connection that it shares with the user's other tabs where the
 * browser can: hands each frame to its reader exactly once.
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
  #phase = $state<Phase>(AT_FIRST.phase);
  #degraded = $state(false);

  readonly state: LiveState = $derived.by(() => this.#summary());

  readonly #api: Caller;
  readonly #forced: TransportKind | null;
  readonly #subscriptions = new Subscriptions();
  readonly #listeners = new Map<string, Listener>();
  /** The streams of one thing each that are followed, by their ids here. */
  readonly #followed = new Map<string, Followed>();
  /** The subscriptions whose newest frame was of a degraded server. */
  readonly #late = new Set<string>();
  readonly #whenBack = new Set<() => void>();
  readonly #latency = new Latency(
    () => this.serverNow(),
    (medianMs) => (this.latencyMs = medianMs),
  );
  #line: Line | null = null;
  /** Whose line it is. */
  #user: string | null = null;
  /** Where shared workers do not start, the tab goes on by itself. */
  #shared = true;
  #away = false;
  #aheadMs = 0;
  #held: DataFrame[] = [];
  #overflowed = false;
  #names = 0;
  #shown = 0;
  #left = 0;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #stops: (() => void)[] = [];

  constructor(api: Caller, forced: TransportKind | null) {
    this.#api = api;
    this.#forced = forced;
  }

  start(): void {
    const count = setInterval(() => {
      this.#countSkipped();
    }, COUNT_MS);
    this.#stops = [
      () => {
        clearInterval(count);
      },
      on(window, 'online', this.reconnect),
      on(window, 'pagehide', this.#leavePage),
      on(window, 'pageshow', this.#returnToPage),
      on(document, 'visibilitychange', this.#look),
      this.#api.whenToken(this.#renewed),
    ];
    this.#open();
    this.#look();
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    clearTimeout(this.#leaving);
    this.#line?.close();
    this.#line = null;
  }

  /** Tries at once, whatever the back-off says. */
  reconnect = (): void => {
    this.#line?.say({ do: 'reconnect' });
    for (const back of this.#whenBack) back();
  };

  /** Calls back when the server may be there again, until the returned function is called. */
  readonly whenBack = (back: () => void): (() => void) => {
    this.#whenBack.add(back);
    return () => this.#whenBack.delete(back);
  };

  /** The server's clock, epoch ms, as well as it is known. */
  serverNow(): number {
    return Date.now() + this.#aheadMs;
  }

  /** Subscribes a reader until the returned function is called. */
  watch(name: string, wanted: Wanted, listener: Listener): () => void {
    this.#names += 1;
    const id = `${name}~${String(this.#names)}`;
    this.#listeners.set(id, listener);
    this.#subscriptions.add(id, wanted);
    if (!this.#away) this.#ask(id);
    return () => {
      this.#listeners.delete(id);
      this.#mark(id, false);
      this.#subscriptions.remove(id);
      this.#line?.say({ do: 'leave', id });
    };
  }

  /** Follows a stream of one thing until the returned function is called. */
  readonly follow: Follow = (path, reader) => {
    this.#names += 1;
    const id = String(this.#names);
    this.#followed.set(id, { path, reader, live: false });
    this.#line?.say({ do: 'follow', id, path });
    return () => {
      this.#followed.delete(id);
      this.#line?.say({ do: 'unfollow', id });
    };
  };

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
    if (this.#phase !== 'up') return this.#phase;
    if (this.#degraded) return 'degraded';
    return this.transport === 'poll' ? 'polling' : 'live';
  }

  #open(): void {
    this.#user = this.#api.user;
    this.#line = openLine(this.#api, this.#forced, this.#shared, {
      told: (message) => {
        this.#hear(message);
      },
      forgotten: () => {
        this.#askAll();
        this.#followAll();
      },
      dead: (worked) => {
        this.#shared = worked;
        this.#open();
      },
    });
    this.#line.say({ do: 'token', token: this.#api.token });
    this.#askAll();
    this.#followAll();
  }

  /** Over another line, all that is followed begins anew. */
  #followAll(): void {
    for (const [id, one] of this.#followed) {
      if (one.live) one.reader.state({ live: false, lost: true });
      one.live = false;
      this.#line?.say({ do: 'follow', id, path: one.path });
    }
  }

  #ask(id: string): void {
    const wanted = this.#subscriptions.wanted(id);
    const since = this.#subscriptions.position(id);
    if (wanted) this.#line?.say({ do: 'watch', id, wanted: JSON.stringify(wanted), since });
  }

  #askAll(): void {
    if (this.#away) return;
    for (const id of this.#listeners.keys()) this.#ask(id);
  }

  readonly #renewed = (): void => {
    if (this.#line === null || this.#api.token === null) return;
    if (this.#api.user === this.#user) {
      this.#line.say({ do: 'token', token: this.#api.token });
      return;
    }
    // Somebody else signed in: nothing of what came before is theirs.
    this.#line.close();
    this.#subscriptions.forget();
    this.#open();
  };

  readonly #look = (): void => {
    clearTimeout(this.#leaving);
    if (document.hidden) {
      this.#leaving = setTimeout(() => {
        this.#goAway();
      }, AWAY_AFTER_MS);
    } else if (this.#away) {
      this.#away = false;
      this.#latency.reset();
      this.#askAll();
    }
  };

  #goAway(): void {
    this.#away = true;
    for (const id of this.#listeners.keys()) this.#line?.say({ do: 'leave', id });
  }

  readonly #leavePage = (): void => {
    this.#line?.close();
    this.#line = null;
  };

  readonly #returnToPage = (): void => {
    if (this.#line === null) this.#open();
  };

  #startOver(): void {
    this.#overflowed = false;
    this.#subscriptions.forget();
    this.#askAll();
  }

  #hear(message: Told): void {
    if (message.say === 'frame') this.#receive(message.frame);
    else if (message.say === 'status') this.#note(message.status);
    else if (message.say === 'renew') void this.#api.replace(message.stale).then(this.#renewed, no);
    else if (message.say === 'signed-out') void this.#api.recheck().catch(no);
    else if (message.say !== 'beat') this.#tell(message);
  }

  #tell(message: ToldOfStream): void {
    const one = this.#followed.get(message.id);
    if (!one) return;
    if (message.say === 'message') one.reader.message(message.message);
    else if (message.say === 'gone') one.reader.gone();
    else {
      one.live = message.state.live;
      one.reader.state(message.state);
    }
  }

  #note({ phase, transport, retryAt, failedTries, aheadMs }: Status): void {
    const wasUp = this.#phase === 'up';
    this.#phase = phase;
    this.transport = transport;
    this.retryAt = retryAt;
    this.failedTries = failedTries;
    this.#aheadMs = aheadMs;
    if (wasUp === (phase === 'up')) return;
    this.#latency.reset();
    if (!wasUp) for (const back of this.#whenBack) back();
  }

  #receive(frame: Frame): void {
    if (!this.#subscriptions.admit(frame)) return;
    if (frame.type === 'error') this.#listeners.get(frame.id ?? '')?.problem(frame);
    else if (frame.type === 'snapshot' || frame.type === 'metrics_update') this.#hold(frame);
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

const no = (): undefined => undefined;

function on(target: EventTarget, event: string, listener: () => void): () => void {
  target.addEventListener(event, listener);
  return () => {
    target.removeEventListener(event, listener);
  };
}
