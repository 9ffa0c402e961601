/** How many series colours the design has. */
export const SERIES_COLOURS = 8;

/** Gives each metric one colour for the whole page, in the order in which they first appear. */
export class Palette {
  readonly #slots = new Map<string, number>();

  slot(metric: string): number {
    const known = this.#slots.get(metric);
    if (known !== undefined) return known;
    const slot = this.#slots.size % SERIES_COLOURS;
    this.#slots.set(metric, slot);
    return slot;
  }
}
