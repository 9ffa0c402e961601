import type { CatalogueEntry, Query } from '../../live/protocol';
import { PLAIN_CONFIG, type Widget } from '../../panels/widget';
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
] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** What is asked of one metric; the address of the page says all of it. */
export interface Question {
  metric: string;
  aggregation: Aggregation | null;
  groupBy: string[];
  filters: Record<string, string>;
}

const FILTER = 'where.';

export function readQuestion(params: URLSearchParams): Question {
  const filters: Record<string, string> = {};
  for (const [key, value] of params) {
    if (key.startsWith(FILTER)) filters[key.slice(FILTER.length)] = value;
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
  for (const [key, value] of Object.entries(question.filters)) params.set(FILTER + key, value);
  return params;
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
    ...(groupBy.length > 0 ? { group_by: groupBy } : {}),
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
      chart: question.groupBy.length > 0 ? 'line' : 'area',
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
