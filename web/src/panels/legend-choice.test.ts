import { describe, expect, it } from 'vitest';

import { ALL, chooseOnly, isHidden, readChoice, toggle, type Choice } from './legend-choice';

const KEYS = ['a', 'b', 'c'];

function shown(choice: Choice, keys: readonly string[] = KEYS): string {
  return keys.filter((key) => !isHidden(choice, key)).join('');
}

describe('what is chosen in a legend', () => {
  it('is all at first', () => {
    expect(shown(ALL)).toBe('abc');
  });

  it('is one, also when others come later, and all when it is chosen again', () => {
    const one = chooseOnly(ALL, 'b');
    expect(shown(one, [...KEYS, 'new'])).toBe('b');
    expect(shown(chooseOnly(one, 'c'))).toBe('c');
    expect(shown(chooseOnly(one, 'b'))).toBe('abc');
  });

  it('is what was shown and not hidden', () => {
    const two = toggle(ALL, 'a', KEYS);
    expect(shown(two, [...KEYS, 'new'])).toBe('bcnew');
    expect(shown(toggle(two, 'a', KEYS))).toBe('abc');
    expect(shown(toggle(chooseOnly(ALL, 'b'), 'c', KEYS))).toBe('bc');
  });

  it('is never nothing', () => {
    expect(shown(toggle(chooseOnly(ALL, 'b'), 'b', KEYS))).toBe('abc');
    expect(shown(KEYS.reduce((choice, key) => toggle(choice, key, KEYS), ALL))).toBe('abc');
  });

  it('is read as it was kept, and nothing else is', () => {
    const choice = chooseOnly(ALL, 'b');
    expect(readChoice(JSON.stringify(choice))).toEqual(choice);
    for (const text of [null, '', '7', 'null', '{"only":1}']) expect(readChoice(text)).toBe(ALL);
  });
});
