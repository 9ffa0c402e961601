import { afterEach, describe, expect, it, vi } from 'vitest';

import { Locale, speak } from './locale';
import { age, changeSize, count, format, inOneText, write, type Unit } from './unit';

/** Which of the spaces that do not break a region uses differs between the tables of browsers. */
const plain = (text: string): string => text.replace(/\s/g, ' ');

afterEach(() => {
  speak('en-GB');
  vi.unstubAllGlobals();
});

describe('numbers', () => {
  it.each([
    ['de-DE', '1.234,5', '1.234.567', '12,3 %'],
    ['fr-FR', '1 234,5', '1 234 567', '12,3 %'],
    ['hi-IN', '1,234.5', '12,34,567', '12.3%'],
    ['ar-EG', '1,234.5', '1,234,567', '12.3%'],
    ['ar-EG-u-nu-arab', '١٬٢٣٤٫٥', '١٬٢٣٤٬٥٦٧', '١٢٫٣٪'],
    ['tr-TR', '1.234,5', '1.234.567', '%12,3'],
    ['en-US', '1,234.5', '1,234,567', '12.3%'],
  ])('in %s', (tag, decimal, grouped, percent) => {
    speak(tag);
    expect(plain(format(1234.5, '', 1))).toBe(decimal);
    expect(plain(count(1_234_567))).toBe(grouped);
    expect(plain(format(12.34, 'percent'))).toBe(percent);
  });

  it.each([
    ['bytes', 1536, '1,5 KB'],
    ['ms', 1840, '1,84 s'],
    ['/s', 2.5, '2,5/s'],
    ['EUR', 86.4, '86,4 €'],
    ['', 1_234_567, '1,23M'],
  ] as [Unit, number, string][])('keep the sign of %s', (unit, value, text) => {
    speak('de-DE');
    expect(format(value, unit)).toBe(text);
  });

  it('are written alike in ages and changes', () => {
    speak('de-DE');
    expect(age(2340)).toBe('2.340 ms');
    expect(plain(changeSize(-3.44, false))).toBe('3,4 %');
    expect(changeSize(3.44, true)).toBe('3,4 points');
    expect(plain(changeSize(5000, false))).toBe('999 %');
  });

  it('have the percent sign where it belongs', () => {
    speak('tr-TR');
    expect(write(50, 'percent')).toEqual({ figure: '%50', unit: '' });
    speak('de-DE');
    expect(write(50, 'percent')).toEqual({ figure: '50', unit: '%' });
    expect(inOneText({ figure: '50', unit: 'orders' })).toBe('50 orders');
  });
});

describe('Locale', () => {
  it('writes the Gregorian year in Latin digits unless it is told otherwise', () => {
    const wall = new Date(Date.UTC(2026, 10, 23, 9, 3));
    expect(new Locale('th-TH').date(wall)).toContain('2026');
    expect(new Locale('th-TH-u-ca-buddhist').date(wall)).toContain('2569');
    expect(new Locale('fa-IR').number(12, 0)).toBe('12');
  });

  it('writes each moment anew, however many are kept', () => {
    const german = new Locale('de-DE');
    for (let minute = 0; minute < 10_000; minute += 1) {
      const wall = new Date(minute * 60_000);
      const [hours, minutes] = [wall.getUTCHours(), wall.getUTCMinutes()];
      const text = [hours, minutes].map((part) => String(part).padStart(2, '0')).join(':');
      expect(german.clock(wall, false)).toBe(text);
    }
  });
});

describe('speak', () => {
  it('goes by the browser where nothing is chosen', () => {
    vi.stubGlobal('navigator', { languages: ['pt-BR', 'en'], language: 'pt-BR' });
    speak(null);
    expect(format(1234.5, '', 1)).toBe('1.234,5');
  });

  it('goes on in a plain manner where the tag is none', () => {
    speak('no such tag');
    expect(format(1234.5, '', 1)).toBe('1,234.5');
  });
});
