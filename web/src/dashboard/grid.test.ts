import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { Position } from '../panels/widget';
import { readWidgets, type RawWidget } from './document';
import { COLUMNS, deviceFor, layout, type Device } from './grid';

const TEMPLATES = new URL('../../../src/nowline/api/templates/', import.meta.url);

function template(name: string): { widgets: RawWidget[] } {
  const text = readFileSync(new URL(`${name}.json`, TEMPLATES), 'utf8');
  return JSON.parse(text) as { widgets: RawWidget[] };
}

function overlap(a: Position, b: Position): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

describe.each(['host', 'shop', 'user-activity', 'api-health', 'tasks'])(
  'the %s template',
  (name) => {
    const widgets = readWidgets(template(name).widgets);

    it('is wholly known to this page, with titles and distinct ids', () => {
      expect(widgets).toHaveLength(template(name).widgets.length);
      expect(new Set(widgets.map(({ id }) => id)).size).toBe(widgets.length);
      expect(widgets.every(({ title }) => title !== '')).toBe(true);
    });

    it.each(Object.keys(COLUMNS) as Device[])('fits on a %s without overlaps', (device) => {
      const places = [...layout(widgets, device).values()];
      expect(places).toHaveLength(widgets.length);
      for (const [i, place] of places.entries()) {
        expect(place.x + place.w).toBeLessThanOrEqual(COLUMNS[device]);
        expect(places.slice(i + 1).some((other) => overlap(place, other))).toBe(false);
      }
    });
  },
);

describe('layout', () => {
  const widget = (
    id: string,
    x: number,
    y: number,
    w: number,
  ): { id: string; position: Position } => ({
    id,
    position: { x, y, w, h: 2 },
  });

  it('reads row by row and fills each row to its edge', () => {
    const widgets = [widget('b', 6, 0, 6), widget('a', 0, 0, 6), widget('c', 0, 2, 3)];
    expect([...layout(widgets, 'tablet')]).toEqual([
      ['a', { x: 0, y: 0, w: 2, h: 2 }],
      ['b', { x: 2, y: 0, w: 2, h: 2 }],
      ['c', { x: 0, y: 2, w: 4, h: 2 }],
    ]);
  });

  it('knows the device by its width', () => {
    expect([390, 820, 1440].map(deviceFor)).toEqual(['phone', 'tablet', 'desktop']);
  });
});
