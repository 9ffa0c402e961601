import { describe, expect, it } from 'vitest';

import type { CatalogueEntry } from '../../../live/protocol';
import { KINDS, type WidgetKind } from '../../../panels/kinds';
import {
  ask,
  changeQuestion,
  chooseAggregation,
  chooseKind,
  chooseMetric,
  configure,
  draftKind,
  draftOf,
  lookBack,
  missing,
  newDraft,
  questionsOf,
  shownOf,
  withQuestions,
} from './draft';

function kind(id: string): WidgetKind {
  const found = KINDS.find((one) => one.id === id);
  if (!found) throw new Error(`there is no kind ${id}`);
  return found;
}

function entry(
  name: string,
  type: CatalogueEntry['type'],
  unit: string | null = null,
): CatalogueEntry {
  return {
    ...{ name, type, unit, tags: ['region'], series: 1, first_seen: '', last_seen: '' },
    ...{ metadata: {}, overflow: false },
  };
}

const sent = entry('net.bytes', 'counter');
const load = entry('load', 'gauge');
const slow = entry('api.duration', 'distribution', 'ms');

describe('chooseKind', () => {
  it.each(KINDS.map(({ id }) => id))('makes a widget of the kind %s, whatever it was', (id) => {
    for (const from of KINDS) {
      const made = chooseKind(newDraft(from), kind(id));
      expect(draftKind(made)?.id).toBe(id);
    }
  });

  it('keeps what it asks and what it does not know', () => {
    const position = { x: 0, y: 0, w: 6, h: 4 };
    const config = { query: { metric_name: 'a', aggregation: 'avg' }, later: 1 };
    const draft = draftOf({ id: 'a', type: 'chart', title: null, position, config });
    const made = chooseKind(draft, kind('metric'));
    expect(made.config).toMatchObject(config);
    expect(made.title).toBe('');
  });
});

describe('chooseMetric', () => {
  it('shows a counter each second in a chart, and its sum as a number', () => {
    const chart = chooseMetric(newDraft(kind('line')), 0, 'net.bytes', sent);
    expect(chart.config).toMatchObject({
      query: { metric_name: 'net.bytes', aggregation: 'rate' },
      unit: 'bytes/s',
      zero_fill: true,
    });
    const number = chooseMetric(newDraft(kind('metric')), 0, 'net.bytes', sent);
    expect(number.config).toMatchObject({
      query: { aggregation: 'sum' },
      unit: 'bytes',
      reduce: 'sum',
    });
  });

  it('shows a level as it is, and of times the slow ones', () => {
    const level = chooseMetric(newDraft(kind('area')), 0, 'load', load);
    expect(level.config.query?.aggregation).toBe('avg');
    expect(level.config.unit).toBeUndefined();
    const times = chooseMetric(newDraft(kind('line')), 0, 'api.duration', slow);
    expect(times.config).toMatchObject({ query: { aggregation: 'p95' }, unit: 'ms' });
  });

  it('forgets the tags of the metric before', () => {
    let draft = chooseMetric(newDraft(kind('line')), 0, 'load', load);
    const [question] = questionsOf(draft);
    if (!question) throw new Error('there is no question');
    const query = ask(question.query, { group_by: ['region'], filters: { region: ['eu'] } });
    draft = changeQuestion(draft, 0, { query });
    expect(questionsOf(chooseMetric(draft, 0, 'net.bytes', sent))[0]?.query).toEqual({
      metric_name: 'net.bytes',
      aggregation: 'rate',
    });
  });

  it('adds a second metric without changing what the first one said', () => {
    const one = chooseMetric(newDraft(kind('line')), 0, 'api.duration', slow);
    const two = chooseMetric(one, 1, 'load', load);
    expect(questionsOf(two).map(({ query }) => query.metric_name)).toEqual([
      'api.duration',
      'load',
    ]);
    expect(two.config.unit).toBe('ms');
    expect(two.config.query).toBeUndefined();
  });
});

describe('chooseAggregation', () => {
  const draft = chooseMetric(newDraft(kind('line')), 0, 'net.bytes', sent);

  it('takes the unit along', () => {
    expect(chooseAggregation(draft, 0, 'sum', sent).config.unit).toBe('bytes');
    expect(chooseAggregation(draft, 0, 'count', sent).config.unit).toBeUndefined();
  });

  it('leaves a unit that a person has chosen', () => {
    const own = configure(draft, { unit: 'EUR' });
    expect(chooseAggregation(own, 0, 'sum', sent).config.unit).toBe('EUR');
  });
});

describe('withQuestions', () => {
  it('writes one query as the API has it, and several with their names as a list', () => {
    const query = { metric_name: 'a', aggregation: 'avg' };
    const draft = newDraft(kind('line'));
    expect(withQuestions(draft, [{ query, label: '' }]).config.query).toEqual(query);
    const two = withQuestions(draft, [
      { query, label: 'A' },
      { query, label: '' },
    ]);
    expect(two.config.queries).toEqual([{ query, label: 'A' }, { query }]);
    expect(questionsOf(two)).toHaveLength(2);
    expect(withQuestions(two, []).config).toEqual({ chart: 'line' });
  });
});

describe('ask', () => {
  it('leaves out what says nothing', () => {
    const query = { metric_name: 'a', aggregation: 'avg', interval: '5s', group_by: ['x'] };
    expect(ask(query, { interval: '', group_by: [], filters: {} })).toEqual({
      metric_name: 'a',
      aggregation: 'avg',
    });
  });
});

describe('lookBack', () => {
  it('looks back over its own span, or that of the dashboard', () => {
    const query = { metric_name: 'a', aggregation: 'avg' };
    const own = lookBack(query, '1h');
    expect(own.time_range).toEqual({ last: '1h' });
    expect(lookBack(own, '')).toEqual(query);
  });
});

describe('a widget that is ready', () => {
  it('asks for something, or says something', () => {
    expect(missing(newDraft(kind('line')))).toBe('Choose a metric.');
    expect(missing(newDraft(kind('text')))).toBe('Write a text.');
    expect(missing(configure(newDraft(kind('text')), { text: 'Hello' }))).toBe('');
    expect(missing(newDraft(kind('feed')))).toBe('');
    expect(missing(chooseMetric(newDraft(kind('line')), 0, 'load', load))).toBe('');
  });

  it('is called after its metric if nobody named it', () => {
    const draft = chooseMetric(newDraft(kind('line')), 0, 'load', load);
    expect(shownOf(draft).title).toBe('load');
    expect(shownOf({ ...draft, title: ' Load ' }).title).toBe('Load');
  });
});
