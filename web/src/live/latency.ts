import { median, Ring } from '../series/ring';

const FRAMES = 10;

/** Where things are drawn. */
export interface Screen {
  readonly hidden: boolean;
  /** Calls back once what is drawn in the next animation frame is done. */
  afterDrawing(done: () => void): void;
}

const BROWSER: Screen = {
  get hidden() {
    return document.hidden;
  },
  afterDrawing(done) {
    requestAnimationFrame(() => setTimeout(done, 0));
  },
};

/** Measures the time from an event's arrival at the server to its pixels, over the last frames. */
export class Latency {
  readonly #samples = new Ring(FRAMES);
  #waiting: number[] = [];
  readonly #serverNow: () => number;
  readonly #report: (medianMs: number | null) => void;
  readonly #screen: Screen;

  constructor(
    serverNow: () => number,
    report: (medianMs: number | null) => void,
    screen: Screen = BROWSER,
  ) {
    this.#serverNow = serverNow;
    this.#report = report;
    this.#screen = screen;
  }

  /** A frame came whose newest row reached the server at `eventMs`; it is on its way to the screen. */
  arrived(eventMs: number): void {
    if (this.#screen.hidden) {
      // Nothing is drawn before it is shown again: what waits would count all that time.
      this.#waiting = [];
      return;
    }
    this.#waiting.push(eventMs);
    if (this.#waiting.length > 1) return;
    this.#screen.afterDrawing(() => {
      this.#drawn();
    });
  }

  reset(): void {
    this.#samples.clear();
    this.#waiting = [];
    this.#report(null);
  }

  #drawn(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#serverNow();
    for (const eventMs of this.#waiting) this.#samples.push(Math.max(0, now - eventMs));
    this.#waiting = [];
    this.#report(median(this.#samples.toArray()));
  }
}
