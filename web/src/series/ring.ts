/** The newest `capacity` numbers, oldest first. */
export class Ring {
  readonly #values: Float64Array;
  #next = 0;
  #length = 0;

  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#values.length;
    this.#length = Math.min(this.#length + 1, this.#values.length);
  }

  toArray(): number[] {
    const start = this.#next - this.#length + this.#values.length;
    return Array.from(
      { length: this.#length },
      (_, i) => this.#values[(start + i) % this.#values.length] ?? NaN,
    );
  }

  clear(): void {
    this.#next = 0;
    this.#length = 0;
  }
}

/** The middle value, the mean of the two middle ones, or null of nothing. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
