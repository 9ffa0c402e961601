import type { IconName } from '../ui/Icon.svelte';
import type { RawConfig } from './config';
import type { WidgetType } from './widget';

/** What can be set of a widget. docs/widgets.md says what each means. */
export type ConfigField =
  | 'queries'
  | 'subtitle'
  | 'unit'
  | 'decimals'
  | 'per_second'
  | 'per_minute'
  | 'rolling'
  | 'share'
  | 'zero_fill'
  | 'stack'
  | 'donut'
  | 'min'
  | 'max'
  | 'limit'
  | 'thresholds'
  | 'reduce'
  | 'over'
  | 'good'
  | 'text'
  | 'event_types'
  | 'time_range'
  | 'refresh_interval'
  | 'compare';

/** One kind of widget that a person can choose. */
export interface WidgetKind {
  id: string;
  type: WidgetType;
  label: string;
  icon: IconName;
  /** What it is good for, in one sentence. */
  about: string;
  size: { w: number; h: number };
  /** What a document says to have it, besides its query. */
  config: Readonly<RawConfig>;
  fields: readonly ConfigField[];
  /** Whether it is about groups: without `group_by` or a second query it says little. */
  groups: boolean;
}

const QUESTION: readonly ConfigField[] = [
  'queries',
  'subtitle',
  'unit',
  'decimals',
  'per_second',
  'per_minute',
  'zero_fill',
  'time_range',
  'refresh_interval',
];
const SCALE: readonly ConfigField[] = ['min', 'max', 'limit', 'thresholds'];
const NUMBER: readonly ConfigField[] = ['reduce', 'over'];
const OVER_TIME: readonly ConfigField[] = [...QUESTION, ...SCALE, 'rolling', 'share', 'compare'];

const CHART_SIZE = { w: 6, h: 5 };
const SMALL_SIZE = { w: 4, h: 5 };

/** All kinds, in the order in which they are offered. */
export const KINDS: readonly WidgetKind[] = [
  {
    id: 'line',
    type: 'chart',
    label: 'Line',
    icon: 'line',
    about: 'How values go over time, one line for each series.',
    size: CHART_SIZE,
    config: { chart: 'line' },
    fields: OVER_TIME,
    groups: false,
  },
  {
    id: 'area',
    type: 'chart',
    label: 'Area',
    icon: 'area',
    about: 'How much of something there is over time.',
    size: CHART_SIZE,
    config: { chart: 'area' },
    fields: OVER_TIME,
    groups: false,
  },
  {
    id: 'stacked',
    type: 'chart',
    label: 'Stacked area',
    icon: 'stacked',
    about: 'What a whole is made of over time.',
    size: CHART_SIZE,
    config: { chart: 'area', stack: true, zero_fill: true },
    fields: OVER_TIME,
    groups: true,
  },
  {
    id: 'bar',
    type: 'chart',
    label: 'Bars over time',
    icon: 'bars',
    about: 'Counts of each stretch of time, groups on one another.',
    size: CHART_SIZE,
    config: { chart: 'bar', stack: true },
    fields: [...OVER_TIME, 'stack'],
    groups: false,
  },
  {
    id: 'groups',
    type: 'chart',
    label: 'Bars by group',
    icon: 'groups',
    about: 'One bar for each group, the largest first.',
    size: SMALL_SIZE,
    config: { chart: 'bar', by: 'group' },
    fields: [...QUESTION, ...SCALE, ...NUMBER],
    groups: true,
  },
  {
    id: 'pie',
    type: 'chart',
    label: 'Pie',
    icon: 'pie',
    about: 'How a total divides among a few groups.',
    size: SMALL_SIZE,
    config: { chart: 'pie', donut: true, reduce: 'sum' },
    fields: [...QUESTION, ...NUMBER, 'donut'],
    groups: true,
  },
  {
    id: 'gauge',
    type: 'chart',
    label: 'Gauge',
    icon: 'gauge',
    about: 'Where a value stands between its least and its most.',
    size: { w: 3, h: 4 },
    config: { chart: 'gauge' },
    fields: [...QUESTION, ...SCALE, ...NUMBER, 'share'],
    groups: false,
  },
  {
    id: 'heatmap',
    type: 'chart',
    label: 'Heatmap',
    icon: 'heatmap',
    about:
      'How many of each size over time, such as latencies; or many groups, the value as colour.',
    size: CHART_SIZE,
    config: { chart: 'heatmap' },
    fields: [...QUESTION, 'min', 'max'],
    groups: true,
  },
  {
    id: 'metric',
    type: 'metric',
    label: 'Number',
    icon: 'metric',
    about: 'One number, how it changed, and a small line of its past.',
    size: { w: 3, h: 2 },
    config: { reduce: 'last' },
    fields: [...QUESTION, ...NUMBER, 'limit', 'thresholds', 'good', 'share', 'compare'],
    groups: false,
  },
  {
    id: 'table',
    type: 'table',
    label: 'Table',
    icon: 'table',
    about: 'Groups with their values, sorted and searched.',
    size: SMALL_SIZE,
    config: {},
    fields: [...QUESTION, ...NUMBER, 'max', 'limit', 'thresholds'],
    groups: true,
  },
  {
    id: 'feed',
    type: 'feed',
    label: 'Newest events',
    icon: 'activity',
    about: 'What people do, event by event, as it happens.',
    size: SMALL_SIZE,
    config: {},
    fields: ['subtitle', 'event_types'],
    groups: false,
  },
  {
    id: 'text',
    type: 'text',
    label: 'Text',
    icon: 'text',
    about: 'A note beside the numbers, in Markdown.',
    size: { w: 4, h: 3 },
    config: { text: '' },
    fields: ['subtitle', 'text'],
    groups: false,
  },
];

function chartKind({ chart = 'line', stack, by }: RawConfig): string {
  if (chart === 'bar') return by === 'group' ? 'groups' : 'bar';
  if (chart === 'area') return stack ? 'stacked' : 'area';
  return chart;
}

/** Which kind a widget of a document is; null if this page knows none such. */
export function kindOf(type: string, raw: RawConfig): WidgetKind | null {
  const id = type === 'chart' ? chartKind(raw) : type;
  return KINDS.find((kind) => kind.id === id && kind.type === type) ?? null;
}
