import { describe, expect, it } from 'vitest';

import { emptyContent } from '../../../dashboard/content';
import { conflictWords, versionWords } from './words';

describe('conflictWords', () => {
  it('names both choices', () => {
    const conflict = { kind: 'detail', detail: 'name', mine: 'A', theirs: 'B' } as const;
    expect(conflictWords(conflict)).toEqual({
      what: 'The name',
      mine: 'Keep “A”',
      theirs: 'Take “B”',
    });
    const filters = { ...conflict, detail: 'filters', mine: {}, theirs: {} } as const;
    expect(conflictWords(filters)).toMatchObject({ mine: 'Keep mine', theirs: 'Take theirs' });
  });

  it('says on which screens both moved widgets', () => {
    const moved = (on: 'wide' | 'small'): string =>
      conflictWords({ kind: 'places', on, theirs: new Map() }).what;
    expect([moved('wide'), moved('small')]).toEqual([
      'Where widgets stand',
      'Where widgets stand on small screens',
    ]);
  });

  it('says who deleted what the other changed', () => {
    const position = { x: 0, y: 0, w: 1, h: 1 };
    const widget = { id: 'a', type: 'chart', position, config: {} };
    const words = conflictWords({
      kind: 'widget',
      id: 'a',
      title: 'CPU',
      mine: null,
      theirs: widget,
    });
    expect(words).toEqual({
      what: 'The widget “CPU”',
      mine: 'Delete it, as I did',
      theirs: 'Take theirs',
    });
  });
});

describe('versionWords', () => {
  it('is a sentence about what changed', () => {
    const before = emptyContent('A');
    expect(versionWords(before, { ...before, name: 'B', is_public: true })).toBe(
      'Renamed to “B”; shared with all',
    );
    expect(versionWords(before, before)).toBe('Nothing that is seen');
    expect(versionWords(null, before)).toBe('The oldest that is kept');
  });
});
