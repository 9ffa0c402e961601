import { describe, expect, it } from 'vitest';

import { Keyboard } from './keyboard';

describe('Keyboard', () => {
  it('knows single keys', () => {
    const keyboard = new Keyboard();
    const keys = ['/', ' ', '[', ']', '+', '-', 'Escape', '?', 's', 'x'];
    expect(keys.map((key) => keyboard.press(key, 0))).toEqual([
      'search',
      'pause',
      'earlier',
      'later',
      'zoom-in',
      'zoom-out',
      'live',
      'help',
      'star',
      null,
    ]);
  });

  it('waits for a second key after g, but not for ever', () => {
    const keyboard = new Keyboard();
    expect(keyboard.press('g', 0)).toBeNull();
    expect(keyboard.press('d', 500)).toBe('dashboards');
    expect(keyboard.press('d', 600)).toBeNull();
    keyboard.press('g', 700);
    expect(keyboard.press('a', 800)).toBe('activity');
    keyboard.press('g', 1000);
    expect(keyboard.press('d', 9000)).toBeNull();
    keyboard.press('g', 10_000);
    expect(keyboard.press('/', 10_100)).toBeNull();
  });
});
