import { expect, it } from 'vitest';

import { Palette, SERIES_COLOURS } from './palette';

it('keeps one colour for a metric, and goes round when all are given', () => {
  const palette = new Palette();
  const names = Array.from({ length: SERIES_COLOURS + 1 }, (_, i) => `m${String(i)}`);
  const slots = names.map((name) => palette.slot(name));
  expect(slots).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0]);
  expect(palette.slot('m3')).toBe(3);
});

it('gives a page the same colours whatever was shown before', () => {
  const palette = new Palette();
  palette.slot('b');
  palette.assign(['a', 'b', 'a']);
  expect([palette.slot('a'), palette.slot('b'), palette.slot('c')]).toEqual([0, 1, 2]);
});
