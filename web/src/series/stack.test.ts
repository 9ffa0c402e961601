import { describe, expect, it } from 'vitest';

import { stack } from './stack';

const NONE = (): boolean => false;

describe('stack', () => {
  it('stands each column on those before it', () => {
    const [low, high] = stack(
      [
        [1, 2],
        [10, 20],
      ],
      NONE,
    );
    expect(low).toEqual({ base: [0, 0], top: [1, 2] });
    expect(high).toEqual({ base: [1, 2], top: [11, 22] });
  });

  it('keeps gaps as gaps, and adds nothing there', () => {
    const [low, high] = stack(
      [
        [1, null, 3],
        [10, 20, 30],
      ],
      NONE,
    );
    expect(low?.top).toEqual([1, null, 3]);
    expect(high?.top).toEqual([11, 20, 33]);
  });

  it('draws over what is only a missing alignment', () => {
    const [low, high] = stack(
      [
        [1, undefined, undefined, 4],
        [10, 10, 10, 10],
      ],
      NONE,
    );
    expect(low?.top).toEqual([1, 2, 3, 4]);
    expect(high?.top).toEqual([11, 12, 13, 14]);
  });

  it('draws nothing over a gap or beyond the ends', () => {
    const [only] = stack([[undefined, 1, undefined, null, undefined, 3, undefined]], NONE);
    expect(only?.top).toEqual([null, 1, null, null, null, 3, null]);
  });

  it('passes over a column that is hidden', () => {
    const [hidden, shown] = stack([[5], [7]], (column) => column === 0);
    expect(hidden?.top).toEqual([null]);
    expect(shown).toEqual({ base: [0], top: [7] });
  });
});
