import { describe, expect, it } from 'vitest';

import type { DashboardSummary } from '../../api/resources';
import { ago, arrangeListing } from './listing';

function summary(name: string, owner: string, is_public = false): DashboardSummary {
  return {
    ...{ id: name, name, owner, is_public, description: null, widget_count: 3, version: 1 },
    ...{ created_at: '', updated_at: '', can_edit: true, starred: false },
  };
}

const DASHBOARDS = [
  summary('Sales', 'ada'),
  summary('Load of the API', 'bob', true),
  summary('Secret sales', 'bob'),
];
const TEMPLATES = [{ id: 'host', name: 'Host', description: 'This machine: load and disks.' }];

describe('arrangeListing', () => {
  it('tells apart what is mine, shared and of others', () => {
    const listing = arrangeListing(DASHBOARDS, TEMPLATES, 'ada', '', []);
    const names = [listing.mine, listing.shared, listing.others].map((group) =>
      group.map(({ name }) => name),
    );
    expect(names).toEqual([['Sales'], ['Load of the API'], ['Secret sales']]);
  });

  it('puts what is starred first, in the order of the stars, and nowhere else', () => {
    const stars = ['host', 'Secret sales', 'gone', 'Sales'];
    const listing = arrangeListing(DASHBOARDS, TEMPLATES, 'ada', '', stars);
    expect(listing.starred.map(({ id }) => id)).toEqual(['host', 'Secret sales', 'Sales']);
    expect([listing.mine, listing.others, listing.templates]).toEqual([[], [], []]);
    expect(listing.shared).toHaveLength(1);
    const found = arrangeListing(DASHBOARDS, TEMPLATES, 'ada', 'sales', stars);
    expect(found.starred.map(({ id }) => id)).toEqual(['Secret sales', 'Sales']);
  });

  it('finds every word in the name or the description', () => {
    const listing = arrangeListing(DASHBOARDS, TEMPLATES, 'ada', 'LOAD machine', []);
    expect(listing.templates).toHaveLength(1);
    expect(listing.shared).toEqual([]);
  });
});

describe('ago', () => {
  it.each([
    ['2026-01-02T00:00:00Z', 'just now'],
    ['2026-01-01T23:57:00Z', '3 minutes ago'],
    ['2026-01-01T00:00:00Z', 'yesterday'],
    ['2025-01-01T00:00:00Z', 'last year'],
    ['2026-01-03T00:00:00Z', 'just now'],
  ])('says %s in words', (at, words) => {
    expect(ago(at, Date.parse('2026-01-02T00:00:05Z'))).toBe(words);
  });
});
