import { describe, expect, it } from 'vitest';

import type { CatalogueEntry } from '../../live/protocol';
import { chartFor, readQuestion, search, writeQuestion, type Question } from './question';

const counter: CatalogueEntry = {
  name: 'shop.orders',
  type: 'counter',
  unit: null,
  tags: ['region'],
  series: 3,
  first_seen: '',
  last_seen: '',
  metadata: {},
};

const question: Question = {
  metric: 'shop.orders',
  aggregation: 'max',
  groupBy: ['region'],
  filters: { source: 'demo & more' },
};

describe('the address', () => {
  it('says all of a question', () => {
    const params = writeQuestion(question, new URLSearchParams());
    expect(readQuestion(new URLSearchParams(params.toString()))).toEqual(question);
  });

  it('keeps what is not its own and drops what was chosen before', () => {
    const around = new URLSearchParams('transport=poll&metric=old&by=x&where.y=z');
    const none = { metric: 'new', aggregation: null, groupBy: [], filters: {} };
    expect(writeQuestion(none, around).toString()).toBe('transport=poll&metric=new');
  });

  it('ignores an aggregation that does not exist', () => {
    expect(readQuestion(new URLSearchParams('aggregation=guess')).aggregation).toBeNull();
  });
});

describe('chartFor', () => {
  it('shows a counter per second when nothing was chosen', () => {
    const { config } = chartFor({ ...question, aggregation: null }, counter);
    expect(config.queries[0]?.query).toEqual({
      metric_name: 'shop.orders',
      aggregation: 'sum',
      group_by: ['region'],
      filters: { source: 'demo & more' },
    });
    expect([config.perSecond, config.unit]).toEqual([true, '/s']);
  });

  it('shows a level as it is', () => {
    const { config } = chartFor({ ...question, groupBy: [] }, { ...counter, type: 'gauge' });
    expect([config.perSecond, config.unit, config.chart]).toEqual([false, '', 'area']);
  });
});

describe('search', () => {
  it('wants every word, in any order', () => {
    const entries = [counter, { ...counter, name: 'host.cpu.percent' }];
    expect(search(entries, 'Orders shop')).toEqual([counter]);
    expect(search(entries, '')).toHaveLength(2);
  });
});
