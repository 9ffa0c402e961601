import { describe, expect, it } from 'vitest';

import { thinned, type Spot } from './thin';

const run = (...ys: number[]): Spot[] => ys.map((y, i) => ({ x: i / 4, y }));

describe('thinned', () => {
  it('keeps points that stand far enough apart', () => {
    const spots = [
      { x: 0, y: 1 },
      { x: 1, y: 5 },
      { x: 2, y: 3 },
    ];
    expect(thinned(spots, 1)).toEqual(spots);
  });

  it('keeps the lowest and the highest of each step, in their order', () => {
    expect(thinned(run(2, 9, 4, 1, 7, 7, 7, 7), 1)).toEqual([
      { x: 0.25, y: 9 },
      { x: 0.75, y: 1 },
      { x: 1, y: 7 },
    ]);
  });

  it('loses no spike of a long run', () => {
    const spots = run(...Array.from({ length: 4000 }, (_, i) => (i === 1777 ? 100 : i % 2)));
    const left = thinned(spots, 2);
    expect(left.length).toBeLessThanOrEqual(1002);
    expect(Math.max(...left.map(({ y }) => y))).toBe(100);
    expect(left.map(({ x }) => x)).toEqual([...left.map(({ x }) => x)].sort((a, b) => a - b));
  });

  it('has nothing of nothing', () => {
    expect(thinned([], 1)).toEqual([]);
  });
});
