import { describe, expect, it } from 'vitest';

import { factsOf } from './facts';

describe('factsOf', () => {
  it('passes over what is missing', () => {
    const values = Float64Array.of(NaN, 4, 1, NaN, 7, NaN);
    expect(factsOf({ values })).toEqual({ latest: 7, least: 1, mean: 4, greatest: 7 });
  });

  it('knows nothing of nothing', () => {
    const nothing = { latest: null, least: null, mean: null, greatest: null };
    expect(factsOf({ values: Float64Array.of(NaN) })).toEqual(nothing);
  });
});
