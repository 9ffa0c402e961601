import { describe, expect, it } from 'vitest';

import { age, format, ordinal, perSecond, unitOf, write } from './unit';

describe('format', () => {
  it.each([
    [12.345, 'percent', '12.3%'],
    [100, 'percent', '100%'],
    [0, 'bytes', '0 B'],
    [1536, 'bytes', '1.5 KB'],
    [17_179_869_184, 'bytes', '16 GB'],
    [2_097_152, 'bytes/s', '2 MB/s'],
    [0.42, 'ms', '0.42 ms'],
    [1840, 'ms', '1.84 s'],
    [90_000, 'ms', '1.5 min'],
    [12, '/s', '12/s'],
    [2.5, '/min', '2.5/min'],
    [1234, '', '1,234'],
    [1_234_567, '', '1.23M'],
    [86.4, 'EUR', '86.4 €'],
    [-3, '', '-3'],
  ] as const)('writes %d in %j as %s', (value, unit, text) => {
    expect(format(value, unit)).toBe(text);
  });

  it('writes nothing known as a dash', () => {
    expect(format(null, 'bytes')).toBe('–');
  });

  it('splits figure and unit', () => {
    expect(write(1536, 'bytes')).toEqual({ figure: '1.5', unit: 'KB' });
  });
});

describe('unitOf', () => {
  it('believes the catalogue first, then the name', () => {
    expect(unitOf('shop.revenue', 'EUR')).toBe('EUR');
    expect(unitOf('host.memory.used_bytes', null)).toBe('bytes');
    expect(unitOf('nowline.http.duration_ms', '')).toBe('ms');
    expect(unitOf('host.cpu.percent', undefined)).toBe('percent');
    expect(unitOf('beans', null)).toBe('');
  });

  it('knows what a rate is counted in', () => {
    expect(perSecond('bytes')).toBe('bytes/s');
    expect(perSecond('')).toBe('/s');
  });
});

describe('age', () => {
  it('is in ms while that is readable', () => {
    expect(age(84.4)).toBe('84 ms');
    expect(age(2340)).toBe('2,340 ms');
    expect(age(12_900)).toBe('12 s');
    expect(age(4 * 60_000 + 1)).toBe('4 min');
    expect(age(-5)).toBe('0 ms');
  });
});

describe('ordinal', () => {
  it('ends as English does', () => {
    expect([1, 2, 3, 4, 11, 12, 21, 103].map(ordinal)).toEqual([
      '1st',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '12th',
      '21st',
      '103rd',
    ]);
  });
});

describe('decimals', () => {
  it('writes exactly as many as are asked for', () => {
    expect(format(3, 'percent', 2)).toBe('3.00%');
    expect(format(12_345, '', 0)).toBe('12k');
    expect(format(1536, 'bytes', 2)).toBe('1.50 KB');
    expect(format(1234.5678, 'ms', 3)).toBe('1.235 s');
  });
});
