const SAMPLES = 8;

interface Sample {
  tookMs: number;
  aheadMs: number;
}

/** Estimates how far the server's clock is ahead of ours, in ms. */
export class ClockOffset {
  #samples: Sample[] = [];
  #oneWay: number | null = null;

  /** A ping that was sent and answered at our times, and the server's time between. */
  roundTrip(sentMs: number, receivedMs: number, serverMs: number): void {
    const sample = { tookMs: receivedMs - sentMs, aheadMs: serverMs - (sentMs + receivedMs) / 2 };
    this.#samples = [...this.#samples, sample].slice(-SAMPLES);
  }

  /** A server time that took an unknown while to arrive: the fastest one is the best guess. */
  arrival(receivedMs: number, serverMs: number): void {
    const ahead = serverMs - receivedMs;
    this.#oneWay = this.#oneWay === null ? ahead : Math.max(this.#oneWay, ahead);
  }

  /** The quickest of the last pings erred least. */
  get ms(): number {
    const [quickest] = [...this.#samples].sort((a, b) => a.tookMs - b.tookMs);
    return quickest?.aheadMs ?? this.#oneWay ?? 0;
  }
}
