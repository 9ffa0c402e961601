/** How many series colours the design has. */
export const SERIES_COLOURS = 8;

/** Gives each metric one colour for the whole page. */
export class Palette {
  readonly #slots = new Map<string, number>();

  /** Starts over with the metrics of a page in its own order: every visit has the same colours. */
  assign(metrics: readonly string[]): void {
    this.#slots.clear();
    for (const metric of metrics) this.slot(metric);
  }

  /** The colour of a metric; one not met before gets the next. */
  slot(metric: string): number {
    const known = this.#slots.get(metric);
    if (known !== undefined) return known;
    const slot = this.#slots.size % SERIES_COLOURS;
    this.#slots.set(metric, slot);
    return slot;
  }
}
