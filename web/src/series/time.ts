import { DAY_MS, DEFAULT_RANGE, rangeOver, RANGES, type Range } from './window';
import type { Zone } from './zone';

/** The time that a page looks at: a span that ends now, a day, or a window that was chosen. */
export type Time =
  | { kind: 'last'; range: Range }
  | { kind: 'today' }
  | { kind: 'yesterday' }
  | { kind: 'window'; start: number; end: number };

export const USUAL_TIME: Time = { kind: 'last', range: DEFAULT_RANGE };

/** Nothing is told of less. */
export const SHORTEST_MS = 10_000;
export const LONGEST_MS = 2 * 366 * DAY_MS;

export function sameTime(a: Time, b: Time): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A time as it is at a moment: its range, and where it begins and ends unless it moves along. */
export interface Placed {
  range: Range;
  /** Where it begins, if it grows. */
  since: number | null;
  /** Where it ends; null while that is now. */
  end: number | null;
}

export function placeTime(time: Time, now: number, zone: Zone): Placed {
  if (time.kind === 'last') return { range: time.range, since: null, end: null };
  if (time.kind === 'window') {
    return { range: rangeOver(time.end - time.start), since: null, end: time.end };
  }
  const today = zone.dayStart(now);
  if (time.kind === 'today') return { range: rangeOver(DAY_MS), since: today, end: null };
  return { range: rangeOver(today - zone.dayStart(now, -1)), since: null, end: today };
}

/** A window that is neither too short nor too long, and begins and ends on a second. */
export function windowOf(start: number, end: number): Time {
  const middle = (start + end) / 2;
  const half = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, end - start)) / 2;
  const second = (at: number): number => Math.round(at / 1000) * 1000;
  return { kind: 'window', start: second(middle - half), end: second(middle + half) };
}

const [RANGE, FROM, TO] = ['range', 'from', 'to'];

function moment(text: string | null): number {
  return text === null ? NaN : Date.parse(text);
}

/** The time that an address tells; the usual one if it tells none. */
export function readTime(params: URLSearchParams): Time {
  const [start, end] = [moment(params.get(FROM)), moment(params.get(TO))];
  if (start < end) return windowOf(start, end);
  const label = params.get(RANGE);
  if (label === 'today' || label === 'yesterday') return { kind: label };
  const range = RANGES.find((one) => one.label === label);
  return range ? { kind: 'last', range } : USUAL_TIME;
}

function iso(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** The address's parameters with the time that the page shows; the usual one goes without saying. */
export function writeTime(time: Time, around: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams(around);
  for (const name of [RANGE, FROM, TO]) params.delete(name);
  if (time.kind === 'window') {
    params.set(FROM, iso(time.start));
    params.set(TO, iso(time.end));
  } else if (time.kind !== 'last') {
    params.set(RANGE, time.kind);
  } else if (time.range !== DEFAULT_RANGE) {
    params.set(RANGE, time.range.label);
  }
  return params;
}
