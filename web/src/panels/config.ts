import type { Query } from '../live/protocol';
import { REFRESHES } from '../live/view.svelte';
import { TONES, type Threshold } from '../series/threshold';
import { perSecond, UNITS, unitOf, type Unit } from '../series/unit';
import { durationMs } from '../series/window';
import {
  CARD_OVER_MS,
  CHARTS,
  PLAIN_CONFIG,
  type LabelledQuery,
  type WidgetConfig,
  type WidgetType,
} from './widget';

/** A threshold as a document holds it. */
export interface RawThreshold {
  value: number;
  of?: string;
  when?: string;
  label?: string;
  tone?: string;
}

/** What a document says of a widget: all of it optional, and none of it certain to be well-formed. */
export interface RawConfig {
  query?: Query;
  queries?: { query: Query; label?: string }[];
  subtitle?: string;
  unit?: string;
  decimals?: number;
  chart?: string;
  stack?: boolean;
  by?: string;
  donut?: boolean;
  per_second?: boolean;
  per_minute?: boolean;
  rolling?: string;
  share?: boolean;
  zero_fill?: boolean;
  min?: number;
  max?: number;
  limit?: number;
  thresholds?: RawThreshold[];
  reduce?: string;
  over?: string;
  good?: string;
  text?: string;
  event_types?: string[];
  time_range?: { last?: string };
  refresh_interval?: string;
  compare?: string;
}

const SHARE_QUERIES = 2;
const MOST_DECIMALS = 6;

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function records(value: unknown): Record<string, unknown>[] {
  return list(value).filter(
    (one): one is Record<string, unknown> => typeof one === 'object' && one !== null,
  );
}

function oneOf<T extends string>(choices: readonly T[], value: unknown): T | undefined {
  return choices.find((choice) => choice === value);
}

function isQuery(value: unknown): value is Query {
  return typeof value === 'object' && value !== null && 'metric_name' in value;
}

/** The span that a widget says it looks back over; null if it says none. */
function lastOf({ time_range }: { time_range?: unknown }): string | null {
  const [{ last } = {}] = records([time_range]);
  return durationMs(text(last)) === null ? null : text(last);
}

/** The queries; one without a span of its own looks back as far as its widget says. */
function queriesOf(raw: RawConfig, title: string): LabelledQuery[] {
  const listed = raw.queries === undefined ? [{ query: raw.query }] : records(raw.queries);
  const last = lastOf(raw);
  return listed.flatMap((one: { query?: unknown; label?: unknown }) => {
    if (!isQuery(one.query)) return [];
    const isOwn = last === null || one.query.time_range !== undefined;
    const query = isOwn ? one.query : { ...one.query, time_range: { last } };
    return [{ query, label: text(one.label) || title }];
  });
}

/** What goes before the page's own. */
function overridesOf(raw: RawConfig): Pick<WidgetConfig, 'last' | 'refresh' | 'compare'> {
  const isBack = raw.compare === 'previous' || durationMs(text(raw.compare)) !== null;
  return {
    last: lastOf(raw),
    refresh: oneOf(REFRESHES, raw.refresh_interval) ?? null,
    compare: isBack ? text(raw.compare) : null,
  };
}

function unitFor(raw: RawConfig, queries: readonly LabelledQuery[]): Unit {
  const said = oneOf(UNITS, raw.unit);
  if (said) return said;
  if (raw.share) return 'percent';
  if (raw.per_minute) return '/min';
  const unit = unitOf(queries[0]?.query.metric_name ?? '', null);
  return raw.per_second ? perSecond(unit) : unit;
}

function perMsOf({ per_second, per_minute }: RawConfig): number | null {
  if (per_minute) return 60_000;
  return per_second ? 1000 : PLAIN_CONFIG.perMs;
}

function thresholdOf(raw: Partial<Record<keyof RawThreshold, unknown>>): Threshold[] {
  const value = number(raw.value);
  if (value === null) return [];
  const of = oneOf(['limit', 'baseline'] as const, raw.of) ?? 'value';
  const when = oneOf(['below'] as const, raw.when) ?? 'above';
  return [{ value, of, when, label: text(raw.label), tone: oneOf(TONES, raw.tone) ?? 'warning' }];
}

function decimalsOf(raw: RawConfig): number | null {
  const decimals = number(raw.decimals);
  return decimals === null ? null : Math.max(0, Math.min(MOST_DECIMALS, Math.round(decimals)));
}

/** How the values are written and where the scale ends. */
function scaleOf(raw: RawConfig): Pick<WidgetConfig, 'decimals' | 'min' | 'max' | 'limit'> {
  return {
    decimals: decimalsOf(raw),
    min: number(raw.min),
    max: number(raw.max),
    limit: number(raw.limit),
  };
}

/** What of the series is shown as one number. */
function numberOf(
  raw: RawConfig,
  type: WidgetType,
): Pick<WidgetConfig, 'reduce' | 'overMs' | 'good'> {
  return {
    reduce: oneOf(['last', 'sum', 'avg'] as const, raw.reduce) ?? PLAIN_CONFIG.reduce,
    overMs: durationMs(text(raw.over)) ?? (type === 'metric' ? CARD_OVER_MS : null),
    good: oneOf(['up', 'down'] as const, raw.good) ?? null,
  };
}

/** Reads what a document says of a widget; what cannot be understood is as if it were not there. */
export function readConfig(raw: RawConfig, type: WidgetType, title: string): WidgetConfig {
  const queries = queriesOf(raw, title);
  return {
    ...scaleOf(raw),
    ...numberOf(raw, type),
    ...overridesOf(raw),
    queries,
    subtitle: text(raw.subtitle),
    unit: unitFor(raw, queries),
    chart: oneOf(CHARTS, raw.chart) ?? PLAIN_CONFIG.chart,
    stack: raw.stack === true,
    by: raw.by === 'group' ? 'group' : 'time',
    donut: raw.donut === true,
    perMs: perMsOf(raw),
    rollingMs: durationMs(text(raw.rolling)),
    share: raw.share === true && queries.length === SHARE_QUERIES,
    zeroFill: raw.zero_fill === true,
    thresholds: records(raw.thresholds).flatMap(thresholdOf),
    text: text(raw.text),
    eventTypes: list(raw.event_types).filter((type) => typeof type === 'string'),
  };
}
