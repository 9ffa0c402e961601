import { afterEach, describe, expect, it, vi } from 'vitest';

import { nameOf, regions } from './locales';

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('regions', () => {
  it('are told apart by their names, the browser’s own first', () => {
    vi.stubGlobal('navigator', { languages: ['de-DE'], language: 'de-DE' });
    const [own, ...offered] = regions();
    expect(own?.name).toBe('Browser’s: German (Germany) · Deutsch (Deutschland)');
    expect(own?.sample).toBe('1.234.567,5');
    expect(new Set(offered.map(({ name }) => name)).size).toBe(offered.length);
  });

  it('say which clock or digits they ask for', () => {
    expect(nameOf('en-US-u-hc-h23')).toBe('English (United States), 24-hour clock');
    expect(nameOf('ar-EG-u-nu-arab')).toBe('Arabic (Egypt) · العربية (مصر), own digits');
  });
});
