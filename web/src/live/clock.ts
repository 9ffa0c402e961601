const SAMPLES = 8;
/** A computer's clock is off by less than a frame's way after so long. */
const WINDOW_MS = 120_000;

interface Sample {
  tookMs: number;
  aheadMs: number;
}

/**
 * Estimates how far the server's clock is ahead of ours, in ms, from the newest samples only:
 * two clocks drift apart by seconds in a day.
 */
export class ClockOffset {
  #samples: Sample[] = [];
  /** The quickest arrival of this window of time, and of the one before. */
  #quickest: number | null = null;
  #before: number | null = null;
  #windowEnd = -Infinity;
  #last = 0;

  /** A ping that was sent and answered at our times, and the server's time between. */
  roundTrip(sentMs: number, receivedMs: number, serverMs: number): void {
    const sample = { tookMs: receivedMs - sentMs, aheadMs: serverMs - (sentMs + receivedMs) / 2 };
    this.#samples = [...this.#samples, sample].slice(-SAMPLES);
  }

  /** A server time that took an unknown while to arrive: the fastest one is the best guess. */
  arrival(receivedMs: number, serverMs: number): void {
    this.#turn(receivedMs);
    this.#quickest = Math.max(this.#quickest ?? -Infinity, serverMs - receivedMs);
  }

  /** Another connection, which may not be able to ping: what was known holds until it says more. */
  reset(): void {
    this.#last = this.ms;
    this.#samples = [];
  }

  /** The quickest of the last pings erred least. */
  get ms(): number {
    const [quickest] = [...this.#samples].sort((a, b) => a.tookMs - b.tookMs);
    return quickest?.aheadMs ?? this.#oneWay ?? this.#last;
  }

  get #oneWay(): number | null {
    if (this.#quickest === null) return this.#before;
    return Math.max(this.#quickest, this.#before ?? -Infinity);
  }

  /** Begins a new window when the last one is over, or when our clock was set back. */
  #turn(nowMs: number): void {
    if (nowMs < this.#windowEnd && nowMs >= this.#windowEnd - WINDOW_MS) return;
    const isNext = nowMs - this.#windowEnd < WINDOW_MS && nowMs >= this.#windowEnd;
    this.#before = isNext ? this.#quickest : null;
    this.#quickest = null;
    this.#windowEnd = nowMs + WINDOW_MS;
  }
}
