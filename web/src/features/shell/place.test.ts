import { describe, expect, it } from 'vitest';

import { isStored, placeOf } from './place';

describe('placeOf', () => {
  it.each([
    ['/', { kind: 'dashboard', id: 'host' }],
    ['/dashboards', { kind: 'dashboards' }],
    ['/d/shop', { kind: 'dashboard', id: 'shop' }],
    ['/d/api-health', { kind: 'activity', tab: 'api' }],
    ['/activity', { kind: 'activity', tab: 'people' }],
    ['/activity/tasks', { kind: 'activity', tab: 'tasks' }],
    ['/activity/nothing', { kind: 'activity', tab: 'people' }],
    ['/explore', { kind: 'explore' }],
    ['/kpis', { kind: 'kpis' }],
    ['/settings', { kind: 'settings' }],
    ['/setup', { kind: 'setup' }],
    ['/nowhere', { kind: 'nowhere' }],
    ['/d', { kind: 'nowhere' }],
  ])('reads %s', (path, place) => {
    expect(placeOf(path)).toEqual(place);
  });
});

describe('isStored', () => {
  it('tells the dashboards that people keep from the built-in ones', () => {
    expect(isStored('0b5aa8c4-7f3e-4d1a-9c2b-6e8f0a1b2c3d')).toBe(true);
    expect(['host', 'api-health', ''].some(isStored)).toBe(false);
  });
});
