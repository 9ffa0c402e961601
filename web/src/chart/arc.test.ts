import { describe, expect, it } from 'vitest';

import { onCircle, ringPath } from './arc';

describe('onCircle', () => {
  it('begins at the top and goes clockwise', () => {
    const corners = [0, 0.25, 0.5, 0.75].map((turn) => onCircle(turn, 10).map(Math.round));
    expect(corners.flat().map((one) => one + 0)).toEqual([0, -10, 10, 0, 0, 10, -10, 0]);
  });
});

describe('ringPath', () => {
  it('goes along the outer edge and back along the inner one', () => {
    expect(ringPath(0, 0.25, 5, 10)).toBe(
      'M0.000 -10.000A10 10 0 0 1 10.000 -0.000L5.000 -0.000A5 5 0 0 0 0.000 -5.000Z',
    );
  });

  it('comes to a point in a pie', () => {
    expect(ringPath(0, 0.25, 0, 10)).toMatch(/L0 0Z$/);
  });

  it('draws a whole turn in two halves', () => {
    expect(ringPath(0, 1, 0, 10).match(/A/g)).toHaveLength(2);
  });

  it('draws nothing of nothing', () => {
    expect(ringPath(0.3, 0.3, 5, 10)).toBe('');
  });
});
