import { describe, expect, it } from 'vitest';

import { Palette } from '../series/palette';
import { SeriesTable } from '../series/table';
import { changeText, compared, twinsOf } from './comparison';
import { draw } from './drawing';
import { PLAIN_CONFIG, type WidgetConfig } from './widget';

const T0 = Date.parse('2026-05-01T10:00:00Z');
const query = { metric_name: 'm', aggregation: 'avg', group_by: ['region'] };
const config: WidgetConfig = { ...PLAIN_CONFIG, queries: [{ query, label: 'M' }] };
const NONE = new Set<string>();

function table(values: Record<string, number[]>): SeriesTable {
  const filled = new SeriesTable();
  for (const [region, all] of Object.entries(values)) {
    filled.merge(
      all.map((value, i) => ({
        timestamp: new Date(T0 + 1000 * i).toISOString(),
        value,
        tags: { region },
      })),
    );
  }
  return filled;
}

function comparedWith(before: Record<string, number[]>, how: Partial<WidgetConfig> = {}) {
  const shown = { ...config, ...how };
  const palette = new Palette();
  const feed = { table: table({ eu: [1, 2], us: [3, 4] }), bucketMs: 1000 };
  const earlier = { table: table(before), version: 1 };
  const drawing = draw(shown, [feed], palette, NONE, Infinity);
  const beside = { config: shown, feeds: [{ ...feed, earlier }], palette, words: 'a day before' };
  return compared(drawing, beside as unknown as Parameters<typeof compared>[1], NONE);
}

describe('compared', () => {
  it('draws the same series of an earlier time behind, in their colours', () => {
    const { shape, series } = comparedWith({ us: [30, 40], gone: [9, 9] });
    expect(series.map(({ label }) => label)).toEqual(['eu', 'us', 'us, a day before']);
    expect(series[2]).toMatchObject({ isEarlier: true, slot: series[1]?.slot });
    expect(shape.columns.map(({ values }) => values)).toEqual([
      [1, 2],
      [3, 4],
      [30, 40],
    ]);
    expect(twinsOf(series)).toEqual([-1, 2, -1]);
  });

  it('compares a stack by its height', () => {
    const stacked = comparedWith({ eu: [1, 1], us: [30, 40] }, { chart: 'area', stack: true });
    expect(stacked.series.at(-1)?.label).toBe('All, a day before');
    expect(stacked.shape.columns.at(-1)?.values).toEqual([31, 41]);
  });
});

describe('changeText', () => {
  it.each([
    [12, 10, '', '+20%'],
    [5, 10, '', '−50%'],
    [10, 10, '', '+0.0%'],
    [12, 10, 'percent', '+2.0 points'],
    [5, 0, '', 'before 0'],
    [5, null, '', ''],
  ] as const)('of %s against %s %s is %s', (value, before, unit, text) => {
    expect(changeText(value, before, unit)).toBe(text);
  });
});
