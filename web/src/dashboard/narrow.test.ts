import { describe, expect, it } from 'vitest';

import { PLAIN_CONFIG, type Widget } from '../panels/widget';
import { narrow } from './narrow';

function widget(filters?: Record<string, string | string[]>): Widget {
  const query = { metric_name: 'orders', aggregation: 'sum', ...(filters ? { filters } : {}) };
  return {
    id: 'a',
    type: 'chart',
    title: 'Orders',
    position: { x: 0, y: 0, w: 6, h: 4 },
    config: { ...PLAIN_CONFIG, queries: [{ query, label: 'Orders' }] },
  };
}

function filtersOf(widgets: readonly Widget[]): unknown {
  return widgets[0]?.config.queries[0]?.query.filters;
}

describe('narrow', () => {
  it('adds the filters of the dashboard to those of a query', () => {
    const narrowed = narrow([widget({ channel: 'web' })], { region: ['eu', 'us'] });
    expect(filtersOf(narrowed)).toEqual({ channel: 'web', region: ['eu', 'us'] });
  });

  it.each([
    ['eu', ['eu']],
    [
      ['eu', 'asia'],
      ['eu', 'asia'],
    ],
    ['africa', []],
  ])('leaves of %j what the dashboard allows', (own, left) => {
    const narrowed = narrow([widget({ region: own })], { region: ['eu', 'us', 'asia'] });
    expect(filtersOf(narrowed)).toEqual({ region: left });
  });

  it('passes over metrics that do not have the tag, but not over those that nobody knows', () => {
    const filters = { region: ['eu'] };
    expect(filtersOf(narrow([widget()], filters, () => ['shop']))).toEqual({});
    expect(filtersOf(narrow([widget()], filters, () => ['region']))).toEqual(filters);
    expect(filtersOf(narrow([widget()], filters, () => null))).toEqual(filters);
  });

  it('leaves the widgets as they are where nothing is chosen', () => {
    const widgets = [widget()];
    expect(narrow(widgets, { region: [] })).toBe(widgets);
  });
});
