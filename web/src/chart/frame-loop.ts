import { prefersReducedMotion } from '../ui/motion';

/** Draws one frame; `now` is `performance.now()`. */
export type Draw = (now: number) => void;

const CALM_MS = 1000;

/**
 * Calls every chart once a frame, in one animation frame for all. It stands still while the
 * page is hidden, and ticks once a second for people who asked for less motion; what is new
 * does not wait for that.
 */
export class FrameLoop {
  readonly #draws = new Set<Draw>();
  /** Those that were not drawn yet: of them there is no picture that could stand still. */
  readonly #fresh = new Set<Draw>();
  #running = false;
  #calmUntil = 0;

  add(draw: Draw): () => void {
    this.#draws.add(draw);
    this.#fresh.add(draw);
    if (!this.#running) requestAnimationFrame(this.#step);
    this.#running = true;
    return () => {
      this.#draws.delete(draw);
      this.#fresh.delete(draw);
    };
  }

  // Browsers hold animation frames back by themselves while a page is hidden.
  #step = (now: number): void => {
    this.#running = this.#draws.size > 0;
    if (this.#running) requestAnimationFrame(this.#step);
    const isCalm = now < this.#calmUntil;
    if (!isCalm && prefersReducedMotion()) this.#calmUntil = now + CALM_MS;
    for (const draw of isCalm ? this.#fresh : this.#draws) draw(now);
    this.#fresh.clear();
  };
}
