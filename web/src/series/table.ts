import { tagsKey, type Point, type Tags } from './point';

export interface Column {
  readonly key: string;
  readonly tags: Tags;
  /** One value for each of the table's times; NaN where this series has none. */
  readonly values: Float64Array;
}

/** A point that already stood in the table and came again with another value. */
export interface Revision {
  key: string;
  time: number;
}

/** A column with room before and after what is shown of it. */
interface Buffer {
  readonly key: string;
  readonly tags: Tags;
  all: Float64Array;
  /** The time of its newest value. */
  newest: number;
}

const LEAST_ROWS = 64;

function room(rows: number): Float64Array {
  return new Float64Array(rows).fill(NaN);
}

/**
 * The series of one query over a moving window, as columns over shared, ascending bucket starts
 * (epoch ms). A point with known tags and time replaces the old one. The window slides through
 * typed arrays: once they have grown to its size, a point takes no more memory.
 */
export class SeriesTable {
  #times = room(LEAST_ROWS);
  readonly #buffers = new Map<string, Buffer>();
  /** The rows in use: expired ones stand before, free ones behind. */
  #start = 0;
  #end = 0;
  #size = 0;
  #shownTimes: Float64Array | null = null;
  #shownColumns: readonly Column[] | null = null;

  get times(): Float64Array {
    this.#shownTimes ??= this.#times.subarray(this.#start, this.#end);
    return this.#shownTimes;
  }

  get columns(): readonly Column[] {
    this.#shownColumns ??= [...this.#buffers.values()].map(({ key, tags, all }) => {
      return { key, tags, values: all.subarray(this.#start, this.#end) };
    });
    return this.#shownColumns;
  }

  get newest(): number | null {
    return this.#start === this.#end ? null : (this.#times[this.#end - 1] ?? null);
  }

  /** How many values the table holds. */
  get size(): number {
    return this.#size;
  }

  /** How many rows there is room for. */
  get capacity(): number {
    return this.#times.length;
  }

  clear(): void {
    this.#buffers.clear();
    this.#times.fill(NaN);
    this.#start = this.#end = this.#size = 0;
    this.#changed();
  }

  /** Puts points in their places; returns those that changed a value that was there before. */
  merge(points: readonly Point[]): Revision[] {
    const revised: Revision[] = [];
    for (const point of points) {
      const time = Date.parse(point.timestamp);
      const buffer = this.#buffer(point.tags);
      const row = this.#row(time);
      const before = buffer.all[row] ?? NaN;
      const value = point.value ?? NaN;
      if (!Number.isNaN(before) && before !== value) revised.push({ key: buffer.key, time });
      this.#size += Number(Number.isNaN(before)) - Number(Number.isNaN(value));
      buffer.all[row] = value;
      if (!Number.isNaN(value)) buffer.newest = Math.max(buffer.newest, time);
    }
    if (points.length > 0) this.#changed();
    return revised;
  }

  /** Forgets what is older than `oldest`, and series that have nothing left. */
  trim(oldest: number): void {
    const start = this.#find(oldest);
    if (start === this.#start) return;
    for (const { key, all, newest } of this.#buffers.values()) {
      for (let row = this.#start; row < start; row += 1) {
        if (!Number.isNaN(all[row])) this.#size -= 1;
      }
      all.fill(NaN, this.#start, start);
      if (newest < oldest) this.#buffers.delete(key);
    }
    this.#start = start;
    this.#changed();
  }

  #changed(): void {
    this.#shownTimes = null;
    this.#shownColumns = null;
  }

  #buffer(tags: Tags): Buffer {
    const key = tagsKey(tags);
    let buffer = this.#buffers.get(key);
    if (!buffer) {
      buffer = { key, tags, all: room(this.#times.length), newest: -Infinity };
      this.#buffers.set(key, buffer);
    }
    return buffer;
  }

  #row(time: number): number {
    let row = time > (this.newest ?? -Infinity) ? this.#end : this.#find(time);
    if (row < this.#end && this.#times[row] === time) return row;
    if (this.#end === this.#times.length) row -= this.#makeRoom();
    this.#move((all) => {
      all.copyWithin(row + 1, row, this.#end);
      all[row] = NaN;
    });
    this.#times[row] = time;
    this.#end += 1;
    return row;
  }

  /** Slides the rows to the front of their arrays, or of larger ones; returns how far. */
  #makeRoom(): number {
    const from = this.#start;
    const length = this.#end - from;
    const isCrowded = length > this.#times.length / 2;
    const slid = (all: Float64Array): Float64Array => {
      const into = isCrowded ? room(2 * all.length) : all;
      into.set(all.subarray(from, this.#end));
      return into.fill(NaN, length);
    };
    this.#times = slid(this.#times);
    for (const buffer of this.#buffers.values()) buffer.all = slid(buffer.all);
    [this.#start, this.#end] = [0, length];
    return from;
  }

  #move(one: (all: Float64Array) => void): void {
    one(this.#times);
    for (const { all } of this.#buffers.values()) one(all);
  }

  /** The first row that is not before `time`. */
  #find(time: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
