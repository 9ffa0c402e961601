import type { CatalogueEntry, Query } from '../../../live/protocol';
import type { Shown } from '../../../dashboard/commands';
import type { RawWidget } from '../../../dashboard/document';
import type { RawConfig } from '../../../panels/config';
import { kindOf, KINDS, type WidgetKind } from '../../../panels/kinds';
import { HISTOGRAM } from '../../../series/sizes';
import { perSecond, unitOf, type Unit } from '../../../series/unit';

/** A widget in the making: what is not asked for in the form stays as it was. */
export interface Draft {
  type: string;
  title: string;
  config: RawConfig;
}

/** One query of a widget, and what its series is called where it has no tags. */
export interface Question {
  query: Query;
  label: string;
}

export const MOST_QUESTIONS = 8;
export const EMPTY_QUESTION: Question = {
  query: { metric_name: '', aggregation: 'avg' },
  label: '',
};

/** What makes a chart one of a kind, and no other kind may inherit. */
const OF_KIND = ['chart', 'stack', 'by', 'donut'] as const;

function without<T extends object, K extends keyof T>(from: T, ...keys: readonly K[]): Omit<T, K> {
  const rest = { ...from };
  for (const key of keys) Reflect.deleteProperty(rest, key);
  return rest;
}

export function newDraft(kind: WidgetKind): Draft {
  return { type: kind.type, title: '', config: { ...kind.config } };
}

export function draftOf({ type, title, config }: RawWidget): Draft {
  return { type, title: title ?? '', config };
}

/** The kind of a draft; of one that this page does not know, none. */
export function draftKind({ type, config }: Draft): WidgetKind | null {
  return kindOf(type, config);
}

/** The same as another kind of widget. */
export function chooseKind(draft: Draft, kind: WidgetKind): Draft {
  const config = { ...kind.config, ...without(draft.config, ...OF_KIND) };
  for (const key of OF_KIND) if (kind.config[key] !== undefined) assign(config, kind.config, key);
  return { ...draft, type: kind.type, config };
}

function assign<K extends keyof RawConfig>(to: RawConfig, from: RawConfig, key: K): void {
  to[key] = from[key] as RawConfig[K];
}

/** A draft with other fields; one without a value is left out. */
export function configure(draft: Draft, change: RawConfig): Draft {
  const entries = Object.entries({ ...draft.config, ...change });
  const config = Object.fromEntries(
    entries.filter(([, value]) => value !== undefined && value !== ''),
  ) as RawConfig;
  return { ...draft, config };
}

export function questionsOf({ config }: Draft): Question[] {
  const listed = config.queries ?? (config.query ? [{ query: config.query }] : []);
  return listed.map(({ query, label }) => ({ query, label: label ?? '' }));
}

/** One query stands alone, as the API has it; several stand in a list. */
export function withQuestions(draft: Draft, questions: readonly Question[]): Draft {
  const config: RawConfig = without(draft.config, 'query', 'queries');
  const [first] = questions;
  if (questions.length === 1 && first && first.label === '') config.query = first.query;
  else if (questions.length > 0)
    config.queries = questions.map(({ query, label }) => (label ? { query, label } : { query }));
  return { ...draft, config };
}

function addsUp(entry: CatalogueEntry | undefined): boolean {
  return entry?.type === 'counter' || entry?.type === 'cumulative';
}

function showsOneNumber(kind: WidgetKind): boolean {
  return kind.fields.includes('reduce');
}

/** What says most about a metric in a widget of a kind. */
function usual(entry: CatalogueEntry | undefined, kind: WidgetKind): [string, RawConfig] {
  const number = showsOneNumber(kind);
  if (addsUp(entry)) {
    if (number) return ['sum', { zero_fill: true, reduce: 'sum' }];
    return ['rate', { zero_fill: true }];
  }
  const reduce = number ? { reduce: 'last' } : {};
  if (entry?.type !== 'distribution') return ['avg', { zero_fill: false, ...reduce }];
  const isHeat = kind.config.chart === 'heatmap';
  return [isHeat ? HISTOGRAM : 'p95', { zero_fill: false, ...reduce }];
}

/** The unit of what an aggregation of a metric gives. */
function unitFor(query: Query, entry: CatalogueEntry | undefined): Unit {
  if (query.aggregation === 'count') return '';
  const unit = unitOf(query.metric_name, entry?.unit);
  return query.aggregation === 'rate' ? perSecond(unit) : unit;
}

/** Asks for another metric, in the way that says most about it. */
export function chooseMetric(
  draft: Draft,
  at: number,
  metric: string,
  entry: CatalogueEntry | undefined,
): Draft {
  const kind = draftKind(draft) ?? (KINDS[0] as WidgetKind);
  const [aggregation, config] = usual(entry, kind);
  const questions = questionsOf(draft);
  const old = questions[at] ?? EMPTY_QUESTION;
  const asked = without(old.query, 'group_by', 'filters');
  const query = { ...asked, metric_name: metric, aggregation };
  const changed = withQuestions(
    draft,
    questions.length > at
      ? questions.map((one, i) => (i === at ? { ...one, query } : one))
      : [...questions, { ...old, query }],
  );
  if (at > 0) return changed;
  return configure(changed, { ...config, unit: unitFor(query, entry) });
}

/** Asks for another aggregation; the unit goes along unless a person has chosen one. */
export function chooseAggregation(
  draft: Draft,
  at: number,
  aggregation: string,
  entry: CatalogueEntry | undefined,
): Draft {
  const questions = questionsOf(draft);
  const old = questions[at];
  if (!old) return draft;
  // Counts by size are lines of their own: there are no groups besides.
  const asked = aggregation === HISTOGRAM ? without(old.query, 'group_by') : old.query;
  const query = { ...asked, aggregation };
  const changed = changeQuestion(draft, at, { query });
  const isOwn = (draft.config.unit ?? '') !== unitFor(old.query, entry);
  return at > 0 || isOwn ? changed : configure(changed, { unit: unitFor(query, entry) });
}

export function changeQuestion(draft: Draft, at: number, change: Partial<Question>): Draft {
  const questions = questionsOf(draft).map((one, i) => (i === at ? { ...one, ...change } : one));
  return withQuestions(draft, questions);
}

/** A query with other fields; one that says nothing is left out. */
export function ask(query: Query, change: Partial<Query>): Query {
  const entries = Object.entries({ ...query, ...change });
  return Object.fromEntries(
    entries.filter(([, value]) => saysSomething(value)),
  ) as unknown as Query;
}

/** A query that looks back over a span of its own; over the dashboard's if it is empty. */
export function lookBack(query: Query, last: string): Query {
  const rest = without(query, 'time_range');
  return last === '' ? rest : { ...rest, time_range: { last } };
}

function saysSomething(value: unknown): boolean {
  if (value === undefined || value === '') return false;
  return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
}

/** What is missing of a widget; empty if nothing is. */
export function missing(draft: Draft): string {
  const kind = draftKind(draft);
  if (!kind) return '';
  if (kind.type === 'text') return draft.config.text?.trim() ? '' : 'Write a text.';
  if (!kind.fields.includes('queries')) return '';
  const asked = questionsOf(draft);
  if (asked.length === 0 || asked.some(({ query }) => query.metric_name === ''))
    return 'Choose a metric.';
  return '';
}

/** The widget that a draft makes; without a title it is called after what it shows. */
export function shownOf(draft: Draft): Shown {
  const [first] = questionsOf(draft);
  const title = draft.title.trim() || (first?.query.metric_name ?? '');
  return { type: draft.type, title, config: draft.config };
}
