import { describe, expect, it } from 'vitest';

import { baseline, crossed, marksOf, type Threshold } from './threshold';

const plain: Threshold = { value: 5, of: 'value', when: 'above', label: '5%', tone: 'bad' };

describe('thresholds', () => {
  it('stand where their value, their limit or the baseline says', () => {
    const marks = marksOf(
      [plain, { ...plain, value: 0.8, of: 'limit' }, { ...plain, value: 2, of: 'baseline' }],
      50,
      7,
    );
    expect(marks.map(({ at }) => at)).toEqual([5, 40, 14]);
  });

  it('stand nowhere while their limit or the baseline is not known', () => {
    const unknown: Threshold[] = [
      { ...plain, of: 'limit' },
      { ...plain, of: 'baseline' },
    ];
    expect(marksOf(unknown, null, null)).toEqual([]);
  });

  it('are crossed upwards or downwards, and the most serious one counts', () => {
    const marks = marksOf(
      [
        { ...plain, value: 10, tone: 'warning' },
        { ...plain, value: 20, tone: 'bad' },
        { ...plain, value: 2, when: 'below', tone: 'info' },
      ],
      null,
      null,
    );
    expect(crossed(marks, 15)?.at).toBe(10);
    expect(crossed(marks, 25)?.at).toBe(20);
    expect(crossed(marks, 1)?.at).toBe(2);
    expect(crossed(marks, 10)).toBeNull();
    expect(crossed(marks, null)).toBeNull();
  });
});

describe('baseline', () => {
  it('is the middle of what was before the newest value', () => {
    expect(baseline([1, 2, null, 3, 4, 5, undefined, 6, 7, 8, 9, 10, 11, 900])).toBe(6);
  });

  it('is not known from a few values', () => {
    expect(baseline([1, 2, 3])).toBeNull();
    expect(baseline([])).toBeNull();
  });
});
