import { placeTime, sameTime, USUAL_TIME, windowOf, type Time } from '../series/time';
import { longer, RANGES, type Range } from '../series/window';
import { zoneOf, type Zone } from '../series/zone';
import type { LiveClient } from './client.svelte';

export const REFRESHES = ['live', '1s', '5s', '30s', '1m', '1h', '1d'] as const;
export type Refresh = (typeof REFRESHES)[number];

/** Whether a change of the time is a step that can be taken back. */
export type How = 'push' | 'replace';

/** Which span of time the page looks at, and whether that moves with the clock. */
export class View {
  refresh = $state<Refresh>('live');
  /** The clocks that times are told by. */
  zone = $state.raw<Zone>(zoneOf(null));
  /** What all that can be compared is compared with, such as `1d`. */
  compare = $state<string | null>(null);
  /** Ticks once a second while the page is live, for texts that tell an age. */
  tick = $state(Date.now());

  readonly #live: LiveClient;
  #step = $state.raw<{ time: Time; how: How }>({ time: USUAL_TIME, how: 'replace' });
  /** What the page looked at before it stopped to move. */
  #moving: Time = USUAL_TIME;
  #frozenAt: number | null = null;
  readonly #placed = $derived(placeTime(this.#step.time, this.tick, this.zone));
  /** Where the span begins, if it grows. */
  readonly since: number | null = $derived(this.#placed.since);
  /** The end of a span in the past; null while it is now. */
  readonly end: number | null = $derived(this.#placed.end);
  readonly #range = $derived.by(() => JSON.stringify(this.#placed.range));
  readonly range: Range = $derived(JSON.parse(this.#range) as Range);

  constructor(live: LiveClient) {
    this.#live = live;
  }

  /** Keeps `tick` going until the returned function is called. */
  run(): () => void {
    const timer = setInterval(() => {
      if (!document.hidden) this.tick = this.#live.serverNow();
    }, 1000);
    return () => {
      clearInterval(timer);
    };
  }

  get time(): Time {
    return this.#step.time;
  }

  /** The last change of the time. */
  get step(): { time: Time; how: How } {
    return this.#step;
  }

  /** The right edge of every chart, epoch ms of the server. */
  now(): number {
    return this.end ?? this.#frozenAt ?? this.#live.serverNow();
  }

  /** Before this, all is known: buckets that end later are still filling. */
  settled(): number {
    return this.end === null ? this.now() : this.#live.serverNow();
  }

  get moving(): boolean {
    return this.end === null && !this.#live.paused;
  }

  /** Looks at another time; what already is looked at is no step. */
  go(time: Time, how: How = 'push'): void {
    if (sameTime(time, this.time)) return;
    if (placeTime(this.time, this.tick, this.zone).end === null) this.#moving = this.time;
    this.#step = { time, how };
    if (this.end !== null) this.resume();
  }

  /** Looks at the span from `start` to `end`, epoch ms. */
  zoom(start: number, end: number): void {
    this.go(windowOf(start, end));
  }

  /** Half as much, around the middle or another moment. */
  zoomIn(around: number | null = null): void {
    const smaller = RANGES[this.#place() - 1];
    if (around === null && this.time.kind === 'last' && smaller) {
      this.go({ kind: 'last', range: smaller });
      return;
    }
    const { spanMs } = this;
    const middle = around ?? this.now() - spanMs / 2;
    this.zoom(middle - spanMs / 4, middle + spanMs / 4);
  }

  /** Twice as much; of what ends now the next usual span. */
  zoomOut(): void {
    const larger = RANGES[this.#place() + 1];
    if (this.time.kind === 'last') {
      if (larger) this.go({ kind: 'last', range: larger });
      return;
    }
    const { spanMs } = this;
    const end = Math.min(this.now() + spanMs / 2, this.#live.serverNow());
    this.zoom(end - 2 * spanMs, end);
  }

  /** Moves the span, a positive `ms` towards now; there it moves along again. */
  pan(ms: number, how: How = 'push'): void {
    const { spanMs } = this;
    const end = this.now() + ms;
    const now = this.#live.serverNow();
    if (end > now - spanMs / 100 && ms > 0) this.back(how);
    else if (end <= now) this.go(windowOf(end - spanMs, end), how);
  }

  /** Moves the span by half its width, -1 into the past, 1 towards now. */
  shift(direction: -1 | 1): void {
    this.pan((direction * this.spanMs) / 2);
  }

  /** Looks at what it did before it stopped to move. */
  back(how: How = 'push'): void {
    if (this.end !== null) this.go(this.#moving, how);
  }

  togglePause(): void {
    if (this.end !== null) {
      this.back();
      return;
    }
    const pausing = !this.#live.paused;
    this.#frozenAt = pausing ? this.#live.serverNow() : null;
    this.#live.pause(pausing);
  }

  resume(): void {
    this.#frozenAt = null;
    if (this.#live.paused) this.#live.pause(false);
  }

  /** How much is shown at this moment. */
  get spanMs(): number {
    return this.since === null ? this.range.spanMs : this.now() - this.since;
  }

  /** How often to ask for updates of a query that looks back over `range`. */
  interval(range: Range, refresh: string | null = null): string {
    return longer(refresh ?? this.refresh, range.pace);
  }

  #place(): number {
    const { time } = this;
    return time.kind === 'last' ? RANGES.indexOf(time.range) : RANGES.length;
  }
}
