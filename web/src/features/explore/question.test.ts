import { describe, expect, it } from 'vitest';

import type { CatalogueEntry } from '../../live/protocol';
import {
  backTo,
  chartFor,
  drilled,
  exploreAddress,
  questionOf,
  readQuestion,
  search,
  writeQuestion,
  type Question,
} from './question';

const counter: CatalogueEntry = {
  name: 'shop.orders',
  type: 'counter',
  unit: null,
  tags: ['region'],
  series: 3,
  first_seen: '',
  last_seen: '',
  metadata: {},
  overflow: false,
};

const question: Question = {
  metric: 'shop.orders',
  aggregation: 'max',
  groupBy: ['region'],
  filters: { source: ['demo & more', 'b'] },
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

describe('going into groups', () => {
  const region: Question = { metric: 'm', aggregation: 'sum', groupBy: ['region'], filters: {} };

  it('asks what a member is made of, and leads back', () => {
    const eu = drilled(region, { region: 'eu' }, 'shop');
    expect(eu).toEqual({ ...region, groupBy: ['shop'], filters: { region: ['eu'] } });
    const one = drilled(eu, { shop: 'one' }, null);
    expect(one).toMatchObject({ groupBy: [], filters: { region: ['eu'], shop: ['one'] } });
    expect(backTo(one, 1)).toEqual(eu);
    expect(backTo(one, 0)).toEqual(region);
  });

  it('begins with what a widget asks', () => {
    const query = {
      metric_name: 'm',
      aggregation: 'p95',
      group_by: ['region'],
      filters: { status: 'ok', host: ['a', 'b'] },
    };
    const asked = questionOf(query);
    expect(asked).toEqual({
      metric: 'm',
      aggregation: 'p95',
      groupBy: ['region'],
      filters: { status: ['ok'], host: ['a', 'b'] },
    });
    expect(readQuestion(new URL(exploreAddress(asked), 'http://x').searchParams)).toEqual(asked);
  });
});

describe('chartFor', () => {
  it('shows a counter per second when nothing was chosen', () => {
    const { config } = chartFor({ ...question, aggregation: null }, counter);
    expect(config.queries[0]?.query).toEqual({
      metric_name: 'shop.orders',
      aggregation: 'rate',
      group_by: ['region'],
      filters: { source: ['demo & more', 'b'] },
    });
    expect([config.zeroFill, config.unit]).toEqual([true, '/s']);
  });

  it('shows a level as it is', () => {
    const { config } = chartFor({ ...question, groupBy: [] }, { ...counter, type: 'gauge' });
    expect([config.zeroFill, config.unit, config.chart]).toEqual([false, '', 'area']);
  });

  it('asks for what is slow of a distribution, and counts its observations per second', () => {
    const latency: CatalogueEntry = { ...counter, type: 'distribution', unit: 'ms' };
    const usual = chartFor({ ...question, aggregation: null }, latency).config;
    expect([usual.queries[0]?.query.aggregation, usual.unit]).toEqual(['p95', 'ms']);
    const rate = chartFor({ ...question, aggregation: 'rate' }, latency).config;
    expect([rate.unit, rate.zeroFill]).toEqual(['/s', true]);
  });
});

describe('search', () => {
  it('wants every word, in any order', () => {
    const entries = [counter, { ...counter, name: 'host.cpu.percent' }];
    expect(search(entries, 'Orders shop')).toEqual([counter]);
    expect(search(entries, '')).toHaveLength(2);
  });
});
