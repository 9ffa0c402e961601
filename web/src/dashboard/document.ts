import type { Query } from '../live/protocol';
import {
  PLAIN_CONFIG,
  type LabelledQuery,
  type Position,
  type Widget,
  type WidgetConfig,
} from '../panels/widget';
import type { Reduce } from '../series/reduce';
import { perSecond, unitOf, type Unit } from '../series/unit';
import { durationMs } from '../series/window';

/** A widget as a dashboard document holds it; everything beyond the contract is optional. */
export interface RawWidget {
  id: string;
  type: string;
  title?: string | null;
  position: Position;
  config: RawConfig;
}

interface RawConfig {
  query?: Query;
  queries?: { query: Query; label?: string }[];
  subtitle?: string;
  unit?: Unit;
  chart?: string;
  per_second?: boolean;
  per_minute?: boolean;
  share?: boolean;
  zero_fill?: boolean;
  max?: number;
  thresholds?: { value: number; label: string }[];
  reduce?: Reduce;
  over?: string;
  good?: 'up' | 'down';
  text?: string;
}

const TYPES: readonly Widget['type'][] = ['chart', 'metric', 'table', 'text'];
const CHARTS: readonly WidgetConfig['chart'][] = ['line', 'area', 'bar'];

function queriesOf(config: RawConfig, title: string): LabelledQuery[] {
  const listed = config.queries ?? (config.query ? [{ query: config.query }] : []);
  return listed.map(({ query, label }) => ({ query, label: label ?? title }));
}

function unitFor(config: RawConfig, queries: readonly LabelledQuery[]): Unit {
  if (config.unit) return config.unit;
  if (config.share) return 'percent';
  if (config.per_minute) return '/min';
  const unit = unitOf(queries[0]?.query.metric_name ?? '', null);
  return config.per_second ? perSecond(unit) : unit;
}

const SHARE_QUERIES = 2;

function perMsOf({ per_second, per_minute }: RawConfig): number | null {
  if (per_minute) return 60_000;
  return per_second ? 1000 : PLAIN_CONFIG.perMs;
}

function configOf(raw: RawConfig, title: string): WidgetConfig {
  const queries = queriesOf(raw, title);
  return {
    queries,
    subtitle: raw.subtitle ?? PLAIN_CONFIG.subtitle,
    unit: unitFor(raw, queries),
    chart: CHARTS.find((chart) => chart === raw.chart) ?? PLAIN_CONFIG.chart,
    perMs: perMsOf(raw),
    share: (raw.share ?? false) && queries.length === SHARE_QUERIES,
    zeroFill: raw.zero_fill ?? PLAIN_CONFIG.zeroFill,
    max: raw.max ?? PLAIN_CONFIG.max,
    thresholds: raw.thresholds ?? PLAIN_CONFIG.thresholds,
    reduce: raw.reduce ?? PLAIN_CONFIG.reduce,
    overMs: durationMs(raw.over ?? '') ?? PLAIN_CONFIG.overMs,
    good: raw.good ?? PLAIN_CONFIG.good,
    text: raw.text ?? PLAIN_CONFIG.text,
  };
}

/** Reads the widgets of a document; kinds that this page cannot show are left out. */
export function readWidgets(raw: readonly RawWidget[]): Widget[] {
  return raw.flatMap((widget) => {
    const type = TYPES.find((known) => known === widget.type);
    if (!type) return [];
    const { id, position } = widget;
    const title = widget.title ?? '';
    return [{ id, type, title, position, config: configOf(widget.config, title) }];
  });
}
