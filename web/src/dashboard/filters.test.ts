import { describe, expect, it } from 'vitest';

import { readFilters, shownFilters, writeFilters } from './filters';

const OWN = { region: ['eu'], shop: ['one', 'two'] };

function kept(shown: Record<string, string[]>): Record<string, string[]> {
  const params = writeFilters(shown, OWN, new URLSearchParams('range=1h&f.old=x'));
  expect(params.get('range')).toBe('1h');
  expect(params.has('f.old')).toBe(false);
  return shownFilters(OWN, readFilters(new URLSearchParams(params.toString())));
}

describe('filters in an address', () => {
  it.each([
    [OWN],
    [{}],
    [{ region: ['us'] }],
    [{ region: ['eu', 'us'], shop: ['two', 'one'], host: ['a & b'] }],
  ])('hold as they were chosen: %j', (shown) => {
    expect(Object.keys(kept(shown)).sort()).toEqual(Object.keys(shown).sort());
    for (const [tag, values] of Object.entries(shown))
      expect(new Set(kept(shown)[tag])).toEqual(new Set(values));
  });

  it('go without saying where they are the dashboard’s own', () => {
    const same = { shop: ['two', 'one'], region: ['eu'] };
    expect(writeFilters(same, OWN, new URLSearchParams()).toString()).toBe('');
  });
});
