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

/** Making one takes a hundred times as long as writing a number with it. */
const formats = new Map<string, Intl.NumberFormat>();

function formatOf(least: number, most: number): Intl.NumberFormat {
  const key = `${String(least)}-${String(most)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.NumberFormat('en', {
      minimumFractionDigits: least,
      maximumFractionDigits: most,
    });
    formats.set(key, made);
  }
  return made;
}

/** As many digits as a glance can use, or exactly as many behind the point as are asked for. */
function digits(value: number, decimals: number | null, most = 2): string {
  if (decimals !== null) return formatOf(decimals, decimals).format(value);
  const size = Math.abs(value);
  const places = size >= 100 ? 0 : size >= 10 ? Math.min(1, most) : most;
  return formatOf(0, places).format(value);
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

/**
 * The figure and the unit of a value, with as many digits as a glance can use, or with
 * `decimals` behind the point.
 */
export function write(value: number, unit: Unit, decimals: number | null = null): Written {
  switch (unit) {
    case 'percent':
      return { figure: digits(value, decimals, 1), unit: '%' };
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
  const written = write(value, unit, decimals);
  const space = written.unit && !['%', '/s', '/min'].includes(written.unit) ? ' ' : '';
  return written.figure + space + written.unit;
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
  if (ms < 10_000) return `${Math.max(0, Math.round(ms)).toLocaleString('en')} ms`;
  const [, divisor, name] = DURATIONS.find(([limit]) => ms < limit) ?? [0, 3_600_000, 'h'];
  return `${Math.floor(ms / divisor).toLocaleString('en')} ${name}`;
}

/** How long a span of whole seconds is: `3 s`, `4 min`. */
export function span(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 10 ? `${String(seconds)} s` : age(seconds * 1000);
}

const ORDINAL_ENDINGS: Partial<Record<Intl.LDMLPluralRule, string>> = {
  one: 'st',
  two: 'nd',
  few: 'rd',
};
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });

/** `3` → `3rd`. */
export function ordinal(value: number): string {
  return `${String(value)}${ORDINAL_ENDINGS[ordinals.select(value)] ?? 'th'}`;
}
