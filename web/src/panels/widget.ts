import type { Asking } from '../live/feed.svelte';
import type { Query } from '../live/protocol';
import type { Reduce } from '../series/reduce';
import type { Threshold } from '../series/threshold';
import type { Unit } from '../series/unit';

export interface Position {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Where a widget stands where there is less room, if somebody put it there. */
export interface Layouts {
  /** On the six columns of a tablet. */
  medium?: Position | null;
  /** On the two columns of a phone. */
  small?: Position | null;
}

/** One query of a widget, with the name that its series has where it has no tags. */
export interface LabelledQuery {
  query: Query;
  label: string;
}

export const CHARTS = ['line', 'area', 'bar', 'pie', 'heatmap', 'gauge'] as const;
export type ChartKind = (typeof CHARTS)[number];

export interface WidgetConfig {
  queries: LabelledQuery[];
  subtitle: string;
  unit: Unit;
  /** Digits after the point; null for as many as a glance can use. */
  decimals: number | null;
  chart: ChartKind;
  /** Areas and bars stand on one another. */
  stack: boolean;
  /** Bars: one for each bucket of time, or one for each group. */
  by: 'time' | 'group';
  /** A pie with a hole, and the sum in it. */
  donut: boolean;
  /** Values are counts of a bucket and are shown per this time; null where they stay counts. */
  perMs: number | null;
  /** Counts are those of this span, which rolls along; null where they are those of a bucket. */
  rollingMs: number | null;
  /** The first query's values are shown as a percentage of the second's. */
  share: boolean;
  /** A bucket without a point means zero. */
  zeroFill: boolean;
  min: number | null;
  max: number | null;
  /** What the value may come to: its share of this is told, and thresholds may refer to it. */
  limit: number | null;
  thresholds: Threshold[];
  reduce: Reduce;
  /** The span that a number covers or compares with; null for all that is shown. */
  overMs: number | null;
  /** Whether more is better, worse or neither. */
  good: 'up' | 'down' | null;
  /** Markdown. */
  text: string;
  /** The event types of a feed; all if there are none. */
  eventTypes: string[];
  /** The span of its own, such as `7d`; null for that of the page. */
  last: string | null;
  /** How often it is refreshed at most; null for as often as the page. */
  refresh: string | null;
  /** What it is compared with, such as `1d`; null for what the page is. */
  compare: string | null;
}

export const WIDGET_TYPES = ['chart', 'metric', 'table', 'feed', 'text'] as const;
export type WidgetType = (typeof WIDGET_TYPES)[number];

export interface Widget {
  id: string;
  type: WidgetType | 'unknown';
  title: string;
  position: Position;
  layouts?: Layouts | null;
  config: WidgetConfig;
  /** What a widget that this page cannot show calls itself. */
  unknown?: string;
}

/** Whether a widget shows answers to queries. */
export function asks({ type }: Widget): boolean {
  return type === 'chart' || type === 'metric' || type === 'table';
}

/** Whether it shows values over time, one after another. */
export function isOverTime({ type, config }: Widget): boolean {
  const { chart, by } = config;
  return (
    type === 'chart' && chart !== 'pie' && chart !== 'gauge' && !(chart === 'bar' && by === 'group')
  );
}

const OF_VALUES = ['avg', 'min', 'max', 'last'];

/** Whether only the shape of a query's line matters, and no point of it by itself. */
function isShape({ config }: Widget, { query }: LabelledQuery): boolean {
  const { chart, stack, zeroFill, perMs, rollingMs, share } = config;
  const isLine = chart === 'line' || (chart === 'area' && !stack);
  const isPlain = !zeroFill && !share && perMs === null && rollingMs === null;
  return isLine && isPlain && OF_VALUES.includes(query.aggregation);
}

/** Whether an earlier time can stand beside it: lines, areas, bars over time, and numbers. */
export function isCompared(widget: Widget): boolean {
  const { type, config } = widget;
  const isLine = isOverTime(widget) && config.chart !== 'heatmap' && config.rollingMs === null;
  return (isLine || type === 'metric') && !config.share;
}

/** How a query of a widget is asked. */
export function askingOf(widget: Widget, labelled: LabelledQuery): Asking {
  const zooms = isOverTime(widget);
  const { refresh, compare } = widget.config;
  const thins = zooms && isShape(widget, labelled);
  return { refresh, zooms, thins, compare, compares: isCompared(widget) };
}

export const CARD_OVER_MS = 60_000;

export const PLAIN_CONFIG: WidgetConfig = {
  queries: [],
  subtitle: '',
  unit: '',
  decimals: null,
  chart: 'line',
  stack: false,
  by: 'time',
  donut: false,
  perMs: null,
  rollingMs: null,
  share: false,
  zeroFill: false,
  min: null,
  max: null,
  limit: null,
  thresholds: [],
  reduce: 'last',
  overMs: null,
  good: null,
  text: '',
  eventTypes: [],
  last: null,
  refresh: null,
  compare: null,
};
