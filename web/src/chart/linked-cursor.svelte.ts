/** The moment that all charts of a page point at together. */
export class LinkedCursor {
  /** Epoch ms; null while nobody points. */
  time = $state<number | null>(null);
  #owner: object | null = null;

  point(owner: object, time: number): void {
    this.#owner = owner;
    this.time = time;
  }

  /** Points nowhere, unless another chart points by now. */
  leave(owner: object): void {
    if (this.#owner !== owner) return;
    this.#owner = null;
    this.time = null;
  }
}
