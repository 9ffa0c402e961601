import { locale } from './locale';

export const UNITS = ['percent', 'bytes', 'bytes/s', 'ms', '/s', '/min', 'EUR', 'count'] as const;

/** How the values of a metric are written. */
export type Unit = (typeof UNITS)[number] | '';

const BYTES = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
const THOUSANDS = ['', 'k', 'M', 'G', 'T'];
const DURATIONS: [limit: number, divisor: number, name: string][] = [
  [1000, 1, 'ms'],
  [60_000, 1000, 's'],
  [3_600_000, 60_000, 'min'],
  [Infinity, 3_600_000, 'h'],
];

/** A written value in two parts, so that its unit can be set smaller. */
export interface Written {
  figure: string;
  unit: string;
}

/** As many digits as a glance can use, or exactly as many behind the point as are asked for. */
function digits(value: number, decimals: number | null, most = 2): string {
  if (decimals !== null) return locale().number(value, decimals);
  const size = Math.abs(value);
  const places = size >= 100 ? 0 : size >= 10 ? Math.min(1, most) : most;
  return locale().number(value, 0, places);
}

function scaled(value: number, base: number, names: readonly string[]): [number, string] {
  let rest = value;
  let step = 0;
  while (Math.abs(rest) >= base && step < names.length - 1) {
    rest /= base;
    step += 1;
  }
  return [rest, names[step] ?? ''];
}

function writeCount(value: number, decimals: number | null): Written {
  if (Math.abs(value) < 10_000) return { figure: digits(value, decimals), unit: '' };
  const [rest, name] = scaled(value, 1000, THOUSANDS);
  return { figure: digits(rest, decimals) + name, unit: '' };
}

function writeBytes(value: number, suffix: string, decimals: number | null): Written {
  const [rest, name] = scaled(value, 1024, BYTES);
  return { figure: digits(rest, decimals, 1), unit: name + suffix };
}

function writeDuration(value: number, decimals: number | null): Written {
  const [, divisor, name] = DURATIONS.find(([limit]) => Math.abs(value) < limit) ?? [0, 1, 'ms'];
  return { figure: digits(value / divisor, decimals), unit: name };
}

/** Where the sign stands before the figure it is part of it. */
function writePercent(value: number, decimals: number | null): Written {
  const { before, after } = locale().percent;
  return { figure: before + digits(value, decimals, 1), unit: after };
}

/**
 * The figure and the unit of a value, with as many digits as a glance can use, or with
 * `decimals` behind the point.
 */
export function write(value: number, unit: Unit, decimals: number | null = null): Written {
  switch (unit) {
    case 'percent':
      return writePercent(value, decimals);
    case 'bytes':
      return writeBytes(value, '', decimals);
    case 'bytes/s':
      return writeBytes(value, '/s', decimals);
    case 'ms':
      return writeDuration(value, decimals);
    case '/s':
    case '/min':
      return { ...writeCount(value, decimals), unit };
    case 'EUR':
      return { figure: writeCount(value, decimals).figure, unit: '€' };
    default:
      return writeCount(value, decimals);
  }
}

export function format(
  value: number | null | undefined,
  unit: Unit,
  decimals: number | null = null,
): string {
  if (value === null || value === undefined) return '–';
  return inOneText(write(value, unit, decimals));
}

/** Figure and unit, with a gap between them where one belongs. */
export function inOneText({ figure, unit }: Written): string {
  const { gap, after } = locale().percent;
  if (unit === after) return figure + gap + unit;
  return figure + (unit && !['/s', '/min'].includes(unit) ? ' ' : '') + unit;
}

const LARGE_PERCENT = 999;

/** How large a change is, whatever its direction: `3.4%`, or in points `12 points`. */
export function changeSize(amount: number, inPoints: boolean): string {
  const size = Math.min(Math.abs(amount), LARGE_PERCENT);
  const decimals = size < 10 ? 1 : 0;
  return inPoints ? `${locale().number(size, decimals)} points` : format(size, 'percent', decimals);
}

/** A whole number: `12,345`. */
export function count(value: number): string {
  return locale().number(Math.round(value));
}

const BY_SUFFIX: [RegExp, Unit][] = [
  [/[._]bytes$/, 'bytes'],
  [/[._](ms|milliseconds|duration|latency)$/, 'ms'],
  [/[._](percent|pct)$/, 'percent'],
];

const KNOWN: Record<string, Unit> = {
  '%': 'percent',
  percent: 'percent',
  bytes: 'bytes',
  byte: 'bytes',
  By: 'bytes',
  ms: 'ms',
  EUR: 'EUR',
  '/s': '/s',
};

/** The unit that a catalogue entry says, or that its name tells. */
export function unitOf(name: string, said: string | null | undefined): Unit {
  const known = KNOWN[said ?? ''];
  if (known) return known;
  return BY_SUFFIX.find(([pattern]) => pattern.test(name))?.[1] ?? '';
}

/** The unit of the same quantity per second. */
export function perSecond(unit: Unit): Unit {
  return unit === 'bytes' ? 'bytes/s' : '/s';
}

/** How long ago, in the largest unit that is honest: `840 ms`, `12 s`, `4 min`, `3 h`. */
export function age(ms: number): string {
  if (ms < 10_000) return `${count(Math.max(0, ms))} ms`;
  const [, divisor, name] = DURATIONS.find(([limit]) => ms < limit) ?? [0, 3_600_000, 'h'];
  return `${count(Math.floor(ms / divisor))} ${name}`;
}

/** How long a span of whole seconds is: `3 s`, `4 min`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 10 ? `${count(seconds)} s` : age(seconds * 1000);
}

const ORDINAL_ENDINGS = ['th', 'st', 'nd', 'rd'];

/** `3` → `3rd`. */
export function ordinal(value: number): string {
  const isTeen = Math.floor(value / 10) % 10 === 1;
  return `${String(value)}${(isTeen ? null : ORDINAL_ENDINGS[value % 10]) ?? 'th'}`;
}
