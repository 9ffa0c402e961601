import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { SERIES_COLOURS } from '../series/palette';
import { contrast } from './contrast';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');

function token(name: string, theme: 'light' | 'dark'): string {
  const value = new RegExp(`--${name}:\\s*([^;]+);`).exec(css)?.[1] ?? '';
  const pair = /light-dark\((#\w+), (#\w+)\)/.exec(value);
  return pair ? ((theme === 'light' ? pair[1] : pair[2]) ?? '') : value;
}

describe('contrast', () => {
  it('is 21 between black and white and 1 with itself', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
    expect(contrast('#345678', '#345678')).toBe(1);
  });
});

describe.each(['light', 'dark'] as const)('the %s theme', (theme) => {
  const grounds = ['background', 'surface', 'surface-raised', 'surface-hover'];

  it.each(['text', 'text-muted'])('sets %s at 7:1 or more everywhere', (name) => {
    for (const ground of grounds) {
      expect(contrast(token(name, theme), token(ground, theme)), ground).toBeGreaterThanOrEqual(7);
    }
  });

  it.each(['accent', 'good', 'warning', 'bad', 'info'])('sets %s at 4.5:1 or more', (name) => {
    for (const ground of grounds) {
      expect(contrast(token(name, theme), token(ground, theme)), ground).toBeGreaterThanOrEqual(
        4.5,
      );
    }
  });

  it('sets text on a filled button at 4.5:1 or more', () => {
    const ratio = contrast(token('on-accent', theme), token('accent-strong', theme));
    expect(ratio).toBeGreaterThanOrEqual(4.5);
  });

  it('shows the edge of a control at 3:1 or more', () => {
    const ratio = contrast(token('control-edge', theme), token('surface', theme));
    expect(ratio).toBeGreaterThanOrEqual(3);
  });

  it.each(Array.from({ length: SERIES_COLOURS }, (_, i) => `series-${String(i)}`))(
    'draws %s at 4.5:1 or more',
    (name) => {
      const ratio = contrast(token(name, theme), token('surface', theme));
      expect(ratio).toBeGreaterThanOrEqual(4.5);
    },
  );
});
