import { prefersReducedMotion } from './motion';

const GLIDE_MS = 150;

/** A number that glides to its next value instead of jumping. */
export class Glide {
  shown = $state<number | null>(null);
  #request = 0;

  to(target: number | null): void {
    cancelAnimationFrame(this.#request);
    const from = this.shown;
    if (from === null || target === null || document.hidden || prefersReducedMotion()) {
      this.shown = target;
      return;
    }
    const start = performance.now();
    const step = (now: number): void => {
      const share = Math.min(1, Math.max(0, (now - start) / GLIDE_MS));
      this.shown = from + (target - from) * share;
      if (share < 1) this.#request = requestAnimationFrame(step);
    };
    this.#request = requestAnimationFrame(step);
  }
}
