/** A span of time that a page may show, and the bucket width that keeps it readable. */
export interface Range {
  label: string;
  title: string;
  spanMs: number;
  bucket: string;
  /** The shortest time between updates that the eye could see at this width. */
  pace: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY_MS = 24 * HOUR;

export const RANGES: readonly Range[] = [
  { label: '5m', title: 'Last 5 minutes', spanMs: 5 * MINUTE, bucket: '1s', pace: 'live' },
  { label: '15m', title: 'Last 15 minutes', spanMs: 15 * MINUTE, bucket: '1s', pace: 'live' },
  { label: '1h', title: 'Last hour', spanMs: HOUR, bucket: '10s', pace: '5s' },
  { label: '6h', title: 'Last 6 hours', spanMs: 6 * HOUR, bucket: '1m', pace: '30s' },
  { label: '24h', title: 'Last 24 hours', spanMs: DAY_MS, bucket: '5m', pace: '30s' },
  { label: '7d', title: 'Last 7 days', spanMs: 7 * DAY_MS, bucket: '30m', pace: '1m' },
  { label: '30d', title: 'Last 30 days', spanMs: 30 * DAY_MS, bucket: '2h', pace: '1m' },
];

export const DEFAULT_RANGE = RANGES[0] as Range;

/** Bucket widths that a reader of clocks finds round. */
const WIDTHS = [
  ...['1s', '2s', '5s', '10s', '15s', '30s', '1m', '2m', '5m', '10m', '15m', '30m'],
  ...['1h', '2h', '3h', '6h', '12h', '1d', '2d', '7d'],
];
/** As many buckets as a chart has room for. */
const MOST_BUCKETS = 500;

/** The narrowest round bucket width that a span has at most so many of. */
export function bucketFor(spanMs: number, most = MOST_BUCKETS): string {
  return WIDTHS.find((width) => spanMs <= most * (durationMs(width) ?? 0)) ?? '30d';
}

/** The range of a span that is none of the usual ones. */
export function rangeOver(spanMs: number): Range {
  const pace = RANGES.find((range) => range.spanMs >= spanMs)?.pace ?? '1m';
  return { label: '', title: '', spanMs, bucket: bucketFor(spanMs), pace };
}

const UNIT_MS: Record<string, number> = {
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

/** `"5s"` → 5000; null for anything else than a number and one of s, m, h, d, w. */
export function durationMs(text: string): number | null {
  const match = /^(\d+)([smhdw])$/.exec(text);
  if (!match) return null;
  return Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? NaN);
}

/** The longer of two durations; `live` is shorter than all. */
export function longer(a: string, b: string): string {
  return (durationMs(a) ?? 0) >= (durationMs(b) ?? 0) ? a : b;
}
