import { describe, expect, it } from 'vitest';

import { fit, readWall, shiftAt } from './fit';

describe('fit', () => {
  it('shows a dashboard larger on a larger screen, and all of it', () => {
    const desk = fit(1280, 720, 10);
    const wall = fit(1920, 1080, 10);
    expect(desk).toMatchObject({ zoom: 1, screens: 1 });
    expect(wall).toMatchObject({ zoom: 1.5, screens: 1, rowPx: desk.rowPx });
  });

  it('makes rows higher where there are few, and no higher than looks good', () => {
    expect(fit(1280, 720, 6).rowPx).toBeGreaterThan(fit(1280, 720, 10).rowPx);
    expect(fit(1280, 720, 1).rowPx).toBe(160);
  });

  it('rather shows less at a time than what nobody can read', () => {
    const long = fit(1920, 1080, 40);
    expect(long.zoom).toBe(0.8);
    expect(long.screens).toBe(2);
    expect(fit(1920, 1080, 14)).toMatchObject({ screens: 1 });
  });

  it('leaves the small layouts about their size', () => {
    expect(fit(390, 844, 60)).toMatchObject({ zoom: 0.8, screens: 4 });
    expect(fit(390, 844, 0)).toMatchObject({ zoom: 1, screens: 1 });
  });
});

describe('shiftAt', () => {
  it('goes round a few pixels and comes back', () => {
    const all = Array.from({ length: 16 }, (_, i) => shiftAt(i));
    expect(all.slice(8)).toEqual(all.slice(0, 8));
    expect(new Set(all.map(({ x, y }) => `${String(x)} ${String(y)}`)).size).toBe(8);
    for (const { x, y } of all) expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(4);
  });
});

describe('readWall', () => {
  it('reads what an address says', () => {
    const read = (search: string): unknown => readWall(new URLSearchParams(search));
    expect(read('range=1h')).toBeNull();
    expect(read('wall')).toEqual({ boards: [], everyS: 30 });
    expect(read('wall&rotate=60&boards=a,b')).toEqual({ boards: ['a', 'b'], everyS: 60 });
    expect(read('wall&rotate=0')).toEqual({ boards: [], everyS: 10 });
    expect(read('wall&rotate=x')).toEqual({ boards: [], everyS: 30 });
  });
});
