import type { Kpi, KpiReading, Period } from '../../api/resources';
import { changeSize, inOneText, unitOf, write, type Written } from '../../series/unit';

export const PERIODS = ['minute', 'hour', 'day'] as const;
export const BEFORE: Record<Period, string> = {
  minute: 'the minute before',
  hour: 'the hour before',
  day: 'yesterday',
};

export const SO_FAR: Record<Period, string> = {
  minute: 'this minute',
  hour: 'this hour',
  day: 'today',
};

/** The period that an address asks for. */
export function readPeriod(params: URLSearchParams): Period {
  return PERIODS.find((one) => one === params.get('period')) ?? 'day';
}

/** Writes a period into an address, leaving the other parameters alone. */
export function writePeriod(period: Period, around: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams(around);
  params.set('period', period);
  return params;
}

/** The figure and the unit of a value; a unit that the page does not know is shown as it is. */
export function writeValue(value: number, unit: string | null | undefined): Written {
  const known = unitOf('', unit);
  const written = write(value, known);
  return known === '' && unit ? { ...written, unit } : written;
}

const ARROWS = { up: '↑', down: '↓', flat: '→' } as const;
const LARGE_PERCENT = 999;

/** How a value went: `↑ 12%`; of a percentage in points, and the bare difference from zero. */
export function writeChange(reading: KpiReading): { arrow: string; text: string } | null {
  const { delta, delta_percent: percent, direction, unit } = reading;
  if (delta === null || direction === null) return null;
  if (direction === 'flat') return { arrow: ARROWS.flat, text: 'no change' };
  return { arrow: ARROWS[direction], text: size(delta, percent, unit) };
}

function size(delta: number, percent: number | null, unit: string | null): string {
  const inPoints = unitOf('', unit) === 'percent';
  if (inPoints) return `${write(Math.abs(delta), '').figure} points`;
  if (percent === null) return inOneText(writeValue(Math.abs(delta), unit));
  return (Math.abs(percent) > LARGE_PERCENT ? 'over ' : '') + changeSize(percent, false);
}

/** The least and the greatest value that all rules allow; null where there is no such bound. */
export function boundsOf(kpi: Kpi): { min: number | null; max: number | null } {
  const given = (bounds: (number | null | undefined)[]): number[] =>
    bounds.filter((bound) => typeof bound === 'number');
  const mins = given(kpi.rules.map(({ min }) => min));
  const maxs = given(kpi.rules.map(({ max }) => max));
  return {
    min: mins.length > 0 ? Math.max(...mins) : null,
    max: maxs.length > 0 ? Math.min(...maxs) : null,
  };
}

/** What a value has to be: `from 0% to 100%`. */
export function writeBounds(kpi: Kpi): string {
  const { min, max } = boundsOf(kpi);
  const written = (value: number): string => inOneText(writeValue(value, kpi.unit));
  if (min !== null && max !== null) return `from ${written(min)} to ${written(max)}`;
  if (min !== null) return `at least ${written(min)}`;
  return max === null ? '' : `at most ${written(max)}`;
}

/** A definition as it stands in the form: numbers may be missing. */
export interface Draft {
  name: string;
  code: string;
  expression: string;
  unit: string;
  target: number | null;
  min: number | null;
  max: number | null;
}

export const EMPTY_DRAFT: Draft = {
  name: '',
  code: '',
  expression: '',
  unit: '',
  target: null,
  min: null,
  max: null,
};

export function draftOf(kpi: Kpi): Draft {
  const { name, code, expression, unit, target } = kpi;
  return { name, code, expression, unit: unit ?? '', target: target ?? null, ...boundsOf(kpi) };
}

export function kpiOf(draft: Draft): Kpi {
  const { min, max } = draft;
  const bounds = { ...(min === null ? {} : { min }), ...(max === null ? {} : { max }) };
  return {
    code: draft.code.trim() || codeFor(draft.name),
    name: draft.name.trim(),
    expression: draft.expression.trim(),
    unit: draft.unit.trim() || null,
    target: draft.target,
    rules: Object.keys(bounds).length > 0 ? [bounds] : [],
  };
}

/** A code that a name suggests: `Größe je Tag` → `grosse-je-tag`. */
export function codeFor(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/ß/g, 'ss').toLowerCase();
  const words = plain.match(/[a-z0-9]+/g) ?? [];
  return words.join('-').slice(0, 64);
}

const COLUMN = /^column (\d+): /;
const AROUND = 24;

/** The place in an expression that a refusal speaks of, with some of the text around it. */
export interface Fault {
  message: string;
  /** Where it is, for a text field: counted as the browser does. */
  offset: number;
  before: string;
  at: string;
  after: string;
}

export function faultIn(expression: string, message: string): Fault | null {
  const match = COLUMN.exec(message);
  if (!match) return null;
  // The server counts characters; a browser counts those beyond U+FFFF twice.
  const characters = Array.from(expression.replace(/\s/g, ' '));
  const column = Math.min(Number(match[1]), characters.length + 1) - 1;
  const from = Math.max(0, column - AROUND);
  const to = column + 1 + AROUND;
  const text = (start: number, end: number): string => characters.slice(start, end).join('');
  const rest = message.slice(match[0].length);
  return {
    message: rest.charAt(0).toUpperCase() + rest.slice(1) + '.',
    offset: text(0, column).length,
    before: (from > 0 ? '…' : '') + text(from, column),
    at: characters[column] ?? ' ',
    after: text(column + 1, to) + (to < characters.length ? '…' : ''),
  };
}

export const EXAMPLE: Kpi = {
  code: 'perfect-orders',
  name: 'Perfect orders',
  expression: 'sum(orders.perfect) / sum(orders.total) * 100',
  unit: '%',
  target: 95,
  rules: [{ min: 0, max: 100 }],
};

/** The command that creates the example. */
export function curl(origin: string): string {
  return [
    `curl ${origin}/api/v1/kpis \\`,
    `  -H 'Authorization: Bearer YOUR_API_KEY' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify(EXAMPLE)}'`,
  ].join('\n');
}
