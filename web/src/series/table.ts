import { tagsKey, type Point, type Tags } from './point';

export interface Column {
  key: string;
  tags: Tags;
  /** One value for each of the table's times; null where this series has none. */
  values: (number | null)[];
}

/** A point that already stood in the table and came again with another value. */
export interface Revision {
  key: string;
  time: number;
}

/** Expired rows are dropped together once they are this share of the table. */
const SLACK = 0.25;

/**
 * The series of one query over a moving window, as columns over shared, ascending bucket starts
 * (epoch ms). A point with known tags and time replaces the old one.
 */
export class SeriesTable {
  #times: number[] = [];
  #columns = new Map<string, Column>();

  get times(): readonly number[] {
    return this.#times;
  }

  get columns(): readonly Column[] {
    return [...this.#columns.values()];
  }

  get newest(): number | null {
    return this.#times.at(-1) ?? null;
  }

  /** How many values the table holds. */
  get size(): number {
    let size = 0;
    for (const column of this.#columns.values()) {
      for (const value of column.values) if (value !== null) size += 1;
    }
    return size;
  }

  clear(): void {
    this.#times = [];
    this.#columns.clear();
  }

  /** Puts points in their places; returns those that changed a value that was there before. */
  merge(points: readonly Point[]): Revision[] {
    const revised: Revision[] = [];
    for (const point of points) {
      const time = Date.parse(point.timestamp);
      const column = this.#column(point.tags);
      const row = this.#row(time);
      const before = column.values[row] ?? null;
      if (before !== null && before !== point.value) revised.push({ key: column.key, time });
      column.values[row] = point.value;
    }
    return revised;
  }

  /** Forgets what is older than `oldest`, and series that have nothing left. */
  trim(oldest: number): void {
    const expired = this.#find(oldest);
    if (expired === 0 || expired < this.#times.length * SLACK) return;
    this.#times.splice(0, expired);
    for (const column of this.#columns.values()) {
      column.values.splice(0, expired);
      if (column.values.every((value) => value === null)) this.#columns.delete(column.key);
    }
  }

  #column(tags: Tags): Column {
    const key = tagsKey(tags);
    let column = this.#columns.get(key);
    if (!column) {
      column = { key, tags, values: new Array<null>(this.#times.length).fill(null) };
      this.#columns.set(key, column);
    }
    return column;
  }

  #row(time: number): number {
    const newest = this.newest;
    const row = newest === null || time > newest ? this.#times.length : this.#find(time);
    if (this.#times[row] === time) return row;
    this.#times.splice(row, 0, time);
    for (const column of this.#columns.values()) column.values.splice(row, 0, null);
    return row;
  }

  /** The first row that is not before `time`. */
  #find(time: number): number {
    let low = 0;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
