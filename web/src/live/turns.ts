import { flushSync } from 'svelte';

/** Something that is about to change what is drawn. */
export type Change = () => void;

/** When to go on, and how long that has taken. */
export interface Frames {
  readonly hidden: boolean;
  now(): number;
  request(step: () => void): void;
}

const BROWSER: Frames = {
  get hidden() {
    return document.hidden;
  },
  now: () => performance.now(),
  request: (step) => requestAnimationFrame(step),
};

/** A quarter of a frame of 60 a second: the last change may take longer, and all is to be painted. */
const BUDGET_MS = 4;

/**
 * Makes the changes that one message brings to many widgets in turns, as many in each animation
 * frame as it has time for: no frame is late, whatever stands on the page.
 */
export class Turns {
  readonly #waiting = new Set<Change>();
  readonly #frames: Frames;
  readonly #apply: (change: Change) => void;
  #running = false;

  constructor(frames: Frames = BROWSER, apply: (change: Change) => void = flushSync) {
    this.#frames = frames;
    this.#apply = apply;
  }

  /** Makes a change in its turn; one that waits already is made once. */
  soon(change: Change): void {
    if (this.#frames.hidden) {
      // Browsers hold animation frames back while a page is hidden, and nobody is kept waiting.
      change();
      return;
    }
    this.#waiting.add(change);
    if (!this.#running) this.#frames.request(this.#step);
    this.#running = true;
  }

  /** Forgets a change that has not been made. */
  drop(change: Change): void {
    this.#waiting.delete(change);
  }

  #step = (): void => {
    const until = this.#frames.now() + BUDGET_MS;
    for (const change of this.#waiting) {
      this.#waiting.delete(change);
      this.#apply(change);
      if (this.#frames.now() >= until) break;
    }
    this.#running = this.#waiting.size > 0;
    if (this.#running) this.#frames.request(this.#step);
  };
}
