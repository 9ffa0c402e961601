import { DEFAULT_RANGE, longer, type Range } from '../series/window';
import type { LiveClient } from './client.svelte';

export const REFRESHES = ['live', '1s', '5s', '30s', '1m', '1h', '1d'] as const;
export type Refresh = (typeof REFRESHES)[number];

/** Which span of time the page looks at, and whether that moves with the clock. */
export class View {
  range = $state.raw<Range>(DEFAULT_RANGE);
  refresh = $state<Refresh>('live');
  /** The end of a span in the past; null while it is now. */
  end = $state<number | null>(null);
  /** Ticks once a second while the page is live, for texts that tell an age. */
  tick = $state(Date.now());

  readonly #live: LiveClient;
  #frozenAt: number | null = null;

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

  /** The right edge of every chart, epoch ms of the server. */
  now(): number {
    return this.end ?? this.#frozenAt ?? this.#live.serverNow();
  }

  get moving(): boolean {
    return this.end === null && !this.#live.paused;
  }

  togglePause(): void {
    if (this.end !== null) {
      this.end = null;
      return;
    }
    const pausing = !this.#live.paused;
    this.#frozenAt = pausing ? this.#live.serverNow() : null;
    this.#live.pause(pausing);
  }

  /** Moves the span by half its width, -1 into the past, 1 towards now. */
  shift(direction: -1 | 1): void {
    const end = this.now() + (direction * this.range.spanMs) / 2;
    const now = this.#live.serverNow();
    const nearNow = end > now - this.range.spanMs / 4;
    this.end = nearNow ? null : Math.floor(end / 1000) * 1000;
    if (this.end !== null && this.#live.paused) this.resume();
  }

  resume(): void {
    this.#frozenAt = null;
    if (this.#live.paused) this.#live.pause(false);
  }

  /** How often to ask for updates of a query that looks back over `range`. */
  interval(range: Range): string {
    return longer(this.refresh, range.pace);
  }
}
