import { describe, expect, it } from 'vitest';

import { bySight } from './sight';

const at = (x: number, y: number) => ({ x, y, w: 3, h: 3 });

describe('bySight', () => {
  it('tells what is in sight from what follows, from the top down', () => {
    const places = new Map([
      ['d', at(0, 9)],
      ['c', at(3, 6)],
      ['b', at(0, 6)],
      ['a', at(0, 0)],
    ]);
    expect(bySight(places, 400)).toEqual({ first: ['a', 'b', 'c'], later: ['d'] });
    expect(bySight(places, 300)).toEqual({ first: ['a'], later: ['b', 'c', 'd'] });
  });
});
