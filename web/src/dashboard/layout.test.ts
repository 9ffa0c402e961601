import { describe, expect, it } from 'vitest';

import { move } from './arrange';
import type { Standing } from './grid';
import { followWide, isArranged, layout, putOn, rearrange, shownOn } from './layout';

const widgets: Standing[] = [
  { id: 'a', position: { x: 0, y: 0, w: 6, h: 2 } },
  { id: 'b', position: { x: 6, y: 0, w: 6, h: 4 } },
];

function places(all: readonly Standing[], on: 'wide' | 'medium' | 'small'): unknown {
  const found = [...layout(all, on)].map(([id, { x, y, w, h }]) => [id, [x, y, w, h]]);
  return Object.fromEntries(found);
}

describe('rearrange', () => {
  const down = rearrange(widgets, 'small', (all) => move(all, 'a', 0, 1, 'small'));

  it('puts all of a narrow layout where they are seen, and no other', () => {
    expect(down).toEqual([
      { ...widgets[0], layouts: { small: { x: 0, y: 4, w: 2, h: 2 } } },
      { ...widgets[1], layouts: { small: { x: 0, y: 0, w: 2, h: 4 } } },
    ]);
    expect(places(down, 'wide')).toEqual(places(widgets, 'wide'));
    expect(isArranged(down, 'medium')).toBe(false);
  });

  it('keeps a narrow layout when the wide one changes', () => {
    const wide = rearrange(down, 'wide', (all) => move(all, 'a', 0, 9));
    expect(places(wide, 'wide')).toMatchObject({ a: [0, 9, 6, 2] });
    expect(places(wide, 'small')).toEqual(places(down, 'small'));
    expect(places(wide, 'medium')).not.toEqual(places(down, 'medium'));
  });

  it('changes nothing where all stay', () => {
    expect(rearrange(widgets, 'small', (all) => all)).toBe(widgets);
    expect(rearrange(widgets, 'wide', (all) => move(all, 'a', -1, 0))).toBe(widgets);
  });
});

describe('followWide', () => {
  it('leaves nothing behind, and the other layouts alone', () => {
    const small = putOn(widgets, 'small', layout(widgets, 'small'));
    const both = putOn(small, 'medium', layout(widgets, 'medium'));
    expect(followWide(both, 'medium')).toEqual(small);
    expect(followWide(small, 'small')).toEqual(widgets);
    expect(followWide(widgets, 'small')[0]).toBe(widgets[0]);
  });
});

describe('layout', () => {
  const on = (id: string, small: object | null): Standing =>
    ({ id, position: { x: 0, y: 0, w: 6, h: 2 }, layouts: small && { small } }) as Standing;

  it('has those below that nobody put anywhere', () => {
    const some = [on('new', null), on('a', { x: 0, y: 0, w: 2, h: 3 })];
    expect(places(some, 'small')).toEqual({ a: [0, 0, 2, 3], new: [0, 3, 2, 2] });
  });

  it('draws none over another, and on small screens none below a gap', () => {
    const odd = [on('a', { x: 0, y: 5, w: 2, h: 2 }), on('b', { x: 1, y: 6, w: 1, h: 2 })];
    expect(places(odd, 'small')).toEqual({ a: [0, 0, 2, 2], b: [1, 2, 1, 2] });
    const medium = odd.map((one) => ({ ...one, layouts: { medium: one.layouts?.small ?? null } }));
    expect(places(medium, 'medium')).toEqual({ a: [0, 5, 2, 2], b: [1, 7, 1, 2] });
  });

  it('is told in the order of the list', () => {
    expect(shownOn([on('b', null), on('a', null)], 'small').map(({ id }) => id)).toEqual([
      'b',
      'a',
    ]);
  });
});
