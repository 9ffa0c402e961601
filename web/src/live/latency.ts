import { median, Ring } from '../series/ring';

const FRAMES = 10;

/** Measures the time from an event's arrival at the server to its pixels, over the last frames. */
export class Latency {
  readonly #samples = new Ring(FRAMES);
  #waiting: number[] = [];
  readonly #serverNow: () => number;
  readonly #report: (medianMs: number | null) => void;

  constructor(serverNow: () => number, report: (medianMs: number | null) => void) {
    this.#serverNow = serverNow;
    this.#report = report;
  }

  /** A frame came whose newest row reached the server at `eventMs`; it is on its way to the screen. */
  arrived(eventMs: number): void {
    if (document.hidden) return;
    this.#waiting.push(eventMs);
    if (this.#waiting.length > 1) return;
    // After the frame in which the drawing happens.
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.#drawn();
      }, 0),
    );
  }

  reset(): void {
    this.#samples.clear();
    this.#report(null);
  }

  #drawn(): void {
    const now = this.#serverNow();
    for (const eventMs of this.#waiting) this.#samples.push(Math.max(0, now - eventMs));
    this.#waiting = [];
    this.#report(median(this.#samples.toArray()));
  }
}
