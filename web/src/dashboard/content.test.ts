import { describe, expect, it } from 'vitest';

import { contentOf, emptyContent, same } from './content';

describe('contentOf', () => {
  it('takes what is saved, and leaves what the server adds', () => {
    const told = {
      ...{ id: 'a', owner: 'ada', version: 3, created_at: '', updated_at: '', can_edit: true },
      ...{ name: 'Shop', widgets: [], is_public: true },
    };
    expect(contentOf(told)).toEqual({ ...emptyContent('Shop'), is_public: true });
  });
});

describe('same', () => {
  it('looks at the values and not at the order of the fields', () => {
    expect(same({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toBe(true);
    expect(same({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
  });

  it('takes a field without a value for none', () => {
    expect(same({ a: undefined }, {})).toBe(true);
    expect(same({ a: null }, {})).toBe(false);
  });
});
