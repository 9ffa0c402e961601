import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { Position } from '../panels/widget';
import { closeGaps, overlap, readingOrder, settle } from './arrange';
import { derive } from './derive';
import { readWidgets, type RawWidget } from './document';
import { BREAKPOINTS, COLUMNS, NARROWER, type Placed } from './grid';
import { layout, putOn } from './layout';

const TEMPLATES = new URL('../../../src/nowline/api/templates/', import.meta.url);

function template(file: string): RawWidget[] {
  const text = readFileSync(new URL(file, TEMPLATES), 'utf8');
  return (JSON.parse(text) as { widgets: RawWidget[] }).widgets;
}

function at(id: string, x: number, y: number, w: number, h = 2): Placed {
  return { id, position: { x, y, w, h } };
}

function isFree(places: readonly Position[]): boolean {
  return places.every((one, i) => places.slice(i + 1).every((other) => !overlap(one, other)));
}

/** Dashboards as people make them, and as nobody would. */
function* dashboards(): Generator<Placed[]> {
  let seed = 5;
  const random = (most: number): number => (seed = (seed * 48271) % 2147483647) % most;
  for (let round = 0; round < 400; round += 1) {
    const widgets = Array.from({ length: 1 + random(14) }, (_, i) => {
      const w = 1 + random(12);
      return at(String(i), random(13 - w), random(12), w, 1 + random(5));
    });
    yield round % 2 > 0 ? settle(widgets) : closeGaps(widgets);
  }
}

const ids = (widgets: readonly Placed[]): string[] => readingOrder(widgets).map(({ id }) => id);

describe.each(NARROWER)('a %s layout that nobody arranged', (on) => {
  const all = [...dashboards()];

  it('has all, none over another, none beyond the edge, and each as high as before', () => {
    for (const widgets of all) {
      const places = derive(widgets, on);
      expect(places.size).toBe(widgets.length);
      expect(isFree([...places.values()])).toBe(true);
      for (const { id, position } of widgets) {
        const { x, y, w, h } = places.get(id) ?? { x: -1, y: -1, w: 0, h: 0 };
        expect(x >= 0 && y >= 0 && w > 0 && x + w <= COLUMNS[on]).toBe(true);
        expect(h).toBe(position.h);
      }
    }
  });

  it('is read in the same order', () => {
    for (const widgets of all) {
      const places = derive(widgets, on);
      const placed = widgets.map(({ id, position }) => ({
        id,
        position: places.get(id) ?? position,
      }));
      expect(ids(placed)).toEqual(ids(widgets));
    }
  });

  it('stays what it is once it is put down, and does not depend on the order of the list', () => {
    for (const widgets of all) {
      const places = derive(widgets, on);
      expect(layout(putOn(widgets, on, places), on)).toEqual(places);
      const turned = derive([...widgets].reverse(), on);
      expect([...turned].sort()).toEqual([...places].sort());
    }
  });
});

describe('derive', () => {
  const places = (widgets: readonly Placed[], on: 'medium' | 'small'): unknown =>
    Object.fromEntries([...derive(widgets, on)].map(([id, { x, y, w, h }]) => [id, [x, y, w, h]]));

  it('halves what stays wide enough, with all that stands beside it', () => {
    const widgets = [at('a', 0, 0, 6, 6), at('b', 6, 0, 6), at('c', 6, 2, 6, 4), at('d', 0, 8, 12)];
    expect(places(widgets, 'medium')).toEqual({
      ...{ a: [0, 0, 3, 6], b: [3, 0, 3, 2], c: [3, 2, 3, 4] },
      d: [0, 6, 6, 2],
    });
  });

  it('sets the others row by row, and fills each row to its edge', () => {
    const numbers = [0, 3, 6, 9].map((x) => at(String(x), x, 0, 3));
    const charts = [at('a', 0, 2, 8, 5), at('b', 8, 2, 4, 5)];
    expect(places([...numbers, ...charts], 'medium')).toEqual({
      ...{ 0: [0, 0, 3, 2], 3: [3, 0, 3, 2], 6: [0, 2, 3, 2], 9: [3, 2, 3, 2] },
      ...{ a: [0, 4, 6, 5], b: [0, 9, 6, 5] },
    });
  });

  it('keeps small widgets small', () => {
    const six = [0, 2, 4, 6, 8, 10].map((x) => at(String(x), x, 0, 2));
    expect(Object.values(places(six, 'medium') as object)).toEqual([
      ...[
        [0, 0, 2, 2],
        [2, 0, 2, 2],
        [4, 0, 2, 2],
      ],
      ...[
        [0, 2, 2, 2],
        [2, 2, 2, 2],
        [4, 2, 2, 2],
      ],
    ]);
  });

  it('stacks all on a phone, but has two numbers beside each other', () => {
    const widgets = [at('a', 0, 0, 3), at('b', 3, 0, 3), at('c', 6, 0, 3), at('d', 0, 2, 6, 5)];
    expect(places(widgets, 'small')).toEqual({
      ...{ a: [0, 0, 1, 2], b: [1, 0, 1, 2], c: [0, 2, 2, 2] },
      d: [0, 4, 2, 5],
    });
  });
});

describe.each(readdirSync(TEMPLATES).filter((file) => file.endsWith('.json')))('%s', (file) => {
  const widgets = readWidgets(template(file));

  it('is wholly known to this page, with titles and distinct ids', () => {
    expect(widgets).toHaveLength(template(file).length);
    expect(widgets.every(({ type }) => type !== 'unknown')).toBe(true);
    expect(new Set(widgets.map(({ id }) => id)).size).toBe(widgets.length);
    expect(widgets.every(({ title }) => title !== '')).toBe(true);
  });

  it.each(BREAKPOINTS)('fits on %s screens without overlaps', (on) => {
    const places = [...layout(widgets, on).values()];
    expect(places).toHaveLength(widgets.length);
    expect(places.every(({ x, w }) => x + w <= COLUMNS[on])).toBe(true);
    expect(isFree(places)).toBe(true);
  });
});
