import { describe, expect, it } from 'vitest';

import type { CatalogueEntry } from '../../live/protocol';
import { ownMetrics } from './own-metrics';
import { cardFor, curl, exampleName } from './your-metrics';

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

describe('ownMetrics', () => {
  it('leaves out what has its own dashboard and puts the newest first', () => {
    const entries = [
      entry('a', '2026-01-01T00:00:00Z'),
      entry('host.cpu.percent'),
      entry('nowline.http.requests'),
      entry('shop.orders'),
      entry('events'),
      entry('api.duration'),
      entry('task.memory'),
      entry('b', '2026-01-02T00:00:00Z'),
      entry('api.calls.mine', '2026-01-03T00:00:00Z'),
    ];
    expect(ownMetrics(entries).map(({ name }) => name)).toEqual(['api.calls.mine', 'b', 'a']);
  });
});

describe('cardFor', () => {
  it.each<[CatalogueEntry['type'], string, string]>([
    ['gauge', 'last', 'last'],
    ['counter', 'sum', 'sum'],
    ['distribution', 'avg', 'avg'],
  ])('shows a %s by its %s', (type, aggregation, reduce) => {
    const { config } = cardFor(entry('x', undefined, type));
    expect(config.queries[0]?.query.aggregation).toBe(aggregation);
    expect(config.reduce).toBe(reduce);
  });
});

describe('curl', () => {
  it('carries address and key, and a body that is JSON', () => {
    const command = curl('http://localhost:8000', 'nl_secret');
    expect(command).toContain('http://localhost:8000/api/v1/ingest/metrics');
    expect(command).toContain('Bearer nl_secret');
    const body = /-d '(.*)'/.exec(command)?.[1] ?? '';
    expect(JSON.parse(body)).toEqual({ metrics: [{ name: 'coffee.cups', value: 3 }] });
  });
});

describe('exampleName', () => {
  it('is a name that no metric has yet', () => {
    expect(exampleName(new Set(['orders']))).toBe('coffee.cups');
    expect(exampleName(new Set(['coffee.cups', 'coffee.cups.2']))).toBe('coffee.cups.3');
  });
});
