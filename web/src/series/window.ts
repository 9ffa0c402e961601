/** The spans of time that a page may show, and the bucket width that keeps each readable. */
export interface Range {
  label: string;
  title: string;
  spanMs: number;
  bucket: string;
  /** The shortest time between updates that the eye could see at this width. */
  pace: string;
}

const MINUTE = 60_000;

export const RANGES: readonly Range[] = [
  { label: '5m', title: 'Last 5 minutes', spanMs: 5 * MINUTE, bucket: '1s', pace: 'live' },
  { label: '15m', title: 'Last 15 minutes', spanMs: 15 * MINUTE, bucket: '1s', pace: 'live' },
  { label: '1h', title: 'Last hour', spanMs: 60 * MINUTE, bucket: '10s', pace: '5s' },
  { label: '6h', title: 'Last 6 hours', spanMs: 360 * MINUTE, bucket: '1m', pace: '30s' },
  { label: '24h', title: 'Last 24 hours', spanMs: 1440 * MINUTE, bucket: '5m', pace: '30s' },
];

export const DEFAULT_RANGE = RANGES[0] as Range;

export function rangeOf(label: string | null): Range {
  return RANGES.find((range) => range.label === label) ?? DEFAULT_RANGE;
}

const UNIT_MS: Record<string, number> = { s: 1000, m: MINUTE, h: 60 * MINUTE, d: 1440 * MINUTE };

/** `"5s"` → 5000; null for anything else than a number and one of s, m, h, d. */
export function durationMs(text: string): number | null {
  const match = /^(\d+)([smhd])$/.exec(text);
  if (!match) return null;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? NaN);
}

/** The longer of two durations; `live` is shorter than all. */
export function longer(a: string, b: string): string {
  return (durationMs(a) ?? 0) >= (durationMs(b) ?? 0) ? a : b;
}

const PARAM = 'range';

export function readRange(params: URLSearchParams): Range {
  return rangeOf(params.get(PARAM));
}

/** The address's parameters with the range that the page shows; the usual one goes without saying. */
export function writeRange(range: Range, around: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams(around);
  if (range === DEFAULT_RANGE) params.delete(PARAM);
  else params.set(PARAM, range.label);
  return params;
}
