import { describe, expect, it } from 'vitest';

import { fileName } from './download';

describe('fileName', () => {
  it.each([
    ['CPU by core', 'CPU-by-core.csv'],
    ['../../etc: a/b?', 'etc-a-b.csv'],
    ['Größe', 'Größe.csv'],
    ['…', 'nowline.csv'],
  ])('makes a name of %s', (title, name) => {
    expect(fileName(title, 'csv')).toBe(name);
  });
});
