import { describe, expect, it } from 'vitest';

import { commandOf, placeWords } from './widget-keys';

function pressed(key: string, held: object = {}): Parameters<typeof commandOf>[0] {
  return { key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...held };
}

describe('commandOf', () => {
  it('moves, and with shift resizes', () => {
    expect(commandOf(pressed('ArrowLeft'))).toEqual({ kind: 'move', columns: -1, rows: 0 });
    expect(commandOf(pressed('ArrowDown', { shiftKey: true }))).toEqual({
      kind: 'resize',
      columns: 0,
      rows: 1,
    });
  });

  it('sets up and removes', () => {
    expect(commandOf(pressed('Enter'))).toEqual({ kind: 'configure' });
    expect(commandOf(pressed('Delete'))).toEqual({ kind: 'remove' });
  });

  it('leaves all other keys alone', () => {
    expect(commandOf(pressed('ArrowLeft', { altKey: true }))).toBeNull();
    expect(commandOf(pressed('a'))).toBeNull();
  });
});

describe('placeWords', () => {
  it('counts from one', () => {
    expect(placeWords({ x: 0, y: 2, w: 6, h: 4 })).toBe('column 1, row 3, 6 wide, 4 high');
  });
});
