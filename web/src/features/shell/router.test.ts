import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('location', { pathname: '/', search: '' });
const { placeOf } = await import('./router.svelte');

describe('placeOf', () => {
  it.each([
    ['/', { kind: 'dashboard', id: 'host' }],
    ['/d/shop', { kind: 'dashboard', id: 'shop' }],
    ['/d/api-health', { kind: 'activity', tab: 'api' }],
    ['/activity', { kind: 'activity', tab: 'people' }],
    ['/activity/tasks', { kind: 'activity', tab: 'tasks' }],
    ['/activity/nothing', { kind: 'activity', tab: 'people' }],
    ['/explore', { kind: 'explore' }],
    ['/kpis', { kind: 'kpis' }],
    ['/settings', { kind: 'settings' }],
    ['/setup', { kind: 'setup' }],
    ['/nowhere', { kind: 'dashboard', id: 'host' }],
  ])('reads %s', (path, place) => {
    expect(placeOf(path)).toEqual(place);
  });
});
