import { describe, expect, it } from 'vitest';

import type { CatalogueEntry } from '../../live/protocol';
import { firstDashboard, newestValue } from './first-dashboard';
import { arrival } from './first-steps.svelte';

function entry(
  name: string,
  first_seen = '2026-01-01T00:00:00Z',
  type: CatalogueEntry['type'] = 'gauge',
): CatalogueEntry {
  return {
    name,
    type,
    unit: null,
    tags: [],
    series: 1,
    first_seen,
    last_seen: first_seen,
    metadata: {},
    overflow: false,
  };
}

describe('arrival', () => {
  it('is nothing while only what the server measures itself is there', () => {
    expect(arrival([entry('host.cpu.percent'), entry('nowline.points')], new Set())).toBe(
      undefined,
    );
  });

  it('is nothing of what was there before', () => {
    expect(arrival([entry('orders')], new Set(['orders']))).toBe(undefined);
  });

  it('stays the first that came', () => {
    const came = [entry('b', '2026-01-02T00:00:00Z'), entry('c', '2026-01-01T00:00:00Z')];
    expect(arrival([entry('a'), ...came], new Set(['a']))?.name).toBe('c');
  });
});

describe('firstDashboard', () => {
  it('is private and shows the metric as a chart beside its number', () => {
    const { name, is_public, widgets } = firstDashboard(entry('coffee.cups'));
    expect(name).toBe('coffee.cups');
    expect(is_public).toBe(false);
    expect(widgets.map(({ type, position }) => [type, position.x, position.w])).toEqual([
      ['chart', 0, 9],
      ['metric', 9, 3],
    ]);
    expect(widgets.map(({ title }) => title)).toEqual(['coffee.cups', 'coffee.cups']);
    for (const { config } of widgets) expect(config.query?.metric_name).toBe('coffee.cups');
  });

  it.each<[CatalogueEntry['type'], string, string[]]>([
    ['gauge', 'avg', ['avg', 'latest']],
    ['counter', 'rate', ['each second', 'sum']],
    ['distribution', 'p95', ['p95', 'latest']],
  ])('draws a %s by its %s, and says so', (type, aggregation, subtitles) => {
    const { widgets } = firstDashboard(entry('x', undefined, type));
    expect(widgets[0]?.config.query?.aggregation).toBe(aggregation);
    expect(widgets.map(({ config }) => config.subtitle)).toEqual(subtitles);
  });

  it('has names that the server takes, however long that of the metric is', () => {
    const { name, widgets } = firstDashboard(entry('m'.repeat(255)));
    expect(name).toHaveLength(100);
    expect(widgets.map(({ title }) => title?.length)).toEqual([200, 200]);
  });
});

describe('newestValue', () => {
  it('passes over points without a value, in any order', () => {
    const points = [
      { timestamp: '2026-01-01T00:00:03Z', value: null, tags: {} },
      { timestamp: '2026-01-01T00:00:02Z', value: 42, tags: {} },
      { timestamp: '2026-01-01T00:00:01Z', value: 7, tags: {} },
    ];
    expect(newestValue(points)).toBe(42);
    expect(newestValue([])).toBe(null);
  });
});
