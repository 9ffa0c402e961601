import type { CatalogueEntry, Query } from '../../live/protocol';
import { PLAIN_CONFIG, type Widget } from '../../panels/widget';
import type { Tags } from '../../series/point';
import { HISTOGRAM } from '../../series/sizes';
import { perSecond, unitOf } from '../../series/unit';

export const AGGREGATIONS = [
  'avg',
  'sum',
  'count',
  'min',
  'max',
  'last',
  'rate',
  'p50',
  'p90',
  'p95',
  'p99',
  HISTOGRAM,
] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** What is asked of one metric; the address of the page says all of it. */
export interface Question {
  metric: string;
  aggregation: Aggregation | null;
  groupBy: string[];
  /** By tag, the values that it is narrowed to; in the order in which somebody went there. */
  filters: Record<string, string[]>;
}

const FILTER = 'where.';

export function readQuestion(params: URLSearchParams): Question {
  const filters: Record<string, string[]> = {};
  for (const [key, value] of params) {
    if (key.startsWith(FILTER)) (filters[key.slice(FILTER.length)] ??= []).push(value);
  }
  return {
    metric: params.get('metric') ?? '',
    aggregation: AGGREGATIONS.find((one) => one === params.get('aggregation')) ?? null,
    groupBy: params.getAll('by'),
    filters,
  };
}

/** Writes a question into an address, leaving parameters that are not its own alone. */
export function writeQuestion(question: Question, around: URLSearchParams): URLSearchParams {
  const params = new URLSearchParams();
  const own = (key: string): boolean =>
    ['metric', 'aggregation', 'by'].includes(key) || key.startsWith(FILTER);
  for (const [key, value] of around) if (!own(key)) params.append(key, value);
  if (question.metric) params.set('metric', question.metric);
  if (question.aggregation) params.set('aggregation', question.aggregation);
  for (const key of question.groupBy) params.append('by', key);
  for (const [key, values] of Object.entries(question.filters))
    for (const value of values) params.append(FILTER + key, value);
  return params;
}

/** What a query asks, as a question. */
export function questionOf(query: Query): Question {
  const filters = Object.entries(query.filters ?? {}).map(([key, value]): [string, string[]] => [
    key,
    typeof value === 'string' ? [value] : value,
  ]);
  return {
    metric: query.metric_name,
    aggregation: AGGREGATIONS.find((one) => one === query.aggregation) ?? null,
    groupBy: query.group_by ?? [],
    filters: Object.fromEntries(filters),
  };
}

/** Where a question is asked. */
export function exploreAddress(question: Question): string {
  return `/explore?${writeQuestion(question, new URLSearchParams()).toString()}`;
}

/** The question of one member of its groups: what it is made of, by the tag `next`. */
export function drilled(question: Question, tags: Tags, next: string | null): Question {
  const narrowed = Object.entries(tags).map(([key, value]): [string, string[]] => [key, [value]]);
  const others = Object.entries(question.filters).filter(([key]) => !(key in tags));
  return {
    ...question,
    groupBy: next === null ? [] : [next],
    filters: Object.fromEntries([...others, ...narrowed]),
  };
}

/** The question with only the first `kept` of its filters, asked by what it was narrowed to after. */
export function backTo(question: Question, kept: number): Question {
  const steps = Object.entries(question.filters);
  const [left] = steps.slice(kept);
  return {
    ...question,
    groupBy: left ? [left[0]] : question.groupBy,
    filters: Object.fromEntries(steps.slice(0, kept)),
  };
}

/** What can be asked of a metric of a type: only distributions are counted by size. */
export function aggregationsOf(type: string): readonly Aggregation[] {
  return type === 'distribution' ? AGGREGATIONS : AGGREGATIONS.filter((one) => one !== HISTOGRAM);
}

/** What says most about a metric of a type when nothing was chosen. */
export function usualAggregation(type: string): Aggregation {
  if (type === 'distribution') return 'p95';
  return type === 'counter' || type === 'cumulative' ? 'rate' : 'avg';
}

function queryOf(question: Question, aggregation: Aggregation): Query {
  const { metric, groupBy, filters } = question;
  return {
    metric_name: metric,
    aggregation,
    ...(groupBy.length > 0 && aggregation !== HISTOGRAM ? { group_by: groupBy } : {}),
    ...(Object.keys(filters).length > 0 ? { filters } : {}),
  };
}

/** The chart that answers a question. */
export function chartFor(question: Question, entry: CatalogueEntry | undefined): Widget {
  const type = entry?.type ?? 'gauge';
  const aggregation = question.aggregation ?? usualAggregation(type);
  const counts = aggregation === 'count' || (aggregation === 'rate' && type === 'distribution');
  const adds = ['sum', 'count', 'rate'].includes(aggregation) && type !== 'gauge';
  const unit = counts ? '' : unitOf(question.metric, entry?.unit);
  return {
    id: 'explore',
    type: 'chart',
    title: question.metric,
    position: { x: 0, y: 0, w: 12, h: 8 },
    config: {
      ...PLAIN_CONFIG,
      queries: [{ query: queryOf(question, aggregation), label: question.metric }],
      subtitle: aggregation === 'rate' ? 'each second' : aggregation,
      chart: aggregation === HISTOGRAM ? 'heatmap' : question.groupBy.length > 0 ? 'line' : 'area',
      zeroFill: adds,
      unit: aggregation === 'rate' ? perSecond(unit) : unit,
    },
  };
}

/** The entries whose names hold every word of a search. */
export function search(entries: readonly CatalogueEntry[], text: string): CatalogueEntry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}
