import { afterEach, describe, expect, it } from 'vitest';

import { speak } from '../series/locale';
import { Zone } from '../series/zone';
import { fullLabel, momentLabel, timeLabel, timeTicks, windowLabel } from './time-axis';

const utc = new Zone('UTC');
const berlin = new Zone('Europe/Berlin');
const NOON = Date.parse('2026-05-01T12:00:00Z');
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

describe('timeTicks', () => {
  it.each([1, 5, 15, 60, 360, 1440, 10_080, 43_200, 525_600])(
    'puts at most five round ticks into %d minutes',
    (minutes) => {
      const end = NOON + 12_345;
      const ticks = timeTicks(end - minutes * MINUTE, end, 5, utc);
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(5);
      for (const tick of ticks) expect(tick % 1000).toBe(0);
    },
  );

  it('stays at the same moments while the window moves', () => {
    const before = timeTicks(NOON - 5 * MINUTE, NOON, 5, utc);
    const after = timeTicks(NOON - 5 * MINUTE + 900, NOON + 900, 5, utc);
    expect(after).toEqual(before.filter((tick) => tick >= NOON - 5 * MINUTE + 900));
  });

  it('puts days at the zone’s midnight, where clocks change too', () => {
    const end = Date.parse('2026-03-31T12:00:00Z');
    const ticks = timeTicks(end - 4 * DAY, end, 5, berlin);
    expect(ticks.map((tick) => timeLabel(tick, DAY, berlin))).toEqual([
      '28 Mar',
      '29 Mar',
      '30 Mar',
      '31 Mar',
    ]);
    for (const tick of ticks) expect(tick).toBe(berlin.dayStart(tick));
  });
});

describe('timeLabel', () => {
  it('says seconds only where ticks are closer than a minute', () => {
    expect(timeLabel(NOON + 5000, 5000, utc)).toBe('12:00:05');
    expect(timeLabel(NOON, MINUTE, utc)).toBe('12:00');
  });

  it('says the day where one begins', () => {
    expect(timeLabel(NOON - DAY / 2, 360 * MINUTE, utc)).toBe('1 May');
    expect(timeLabel(NOON, 360 * MINUTE, berlin)).toBe('14:00');
  });
});

describe('momentLabel', () => {
  it.each([
    [NOON, 1000, '12:00:00'],
    [NOON, MINUTE, '12:00'],
    [NOON - DAY, MINUTE, '30 Apr, 12:00'],
    [NOON - DAY / 2, DAY, '1 May 2026'],
  ])('of %d in buckets of %d ms is %s', (at, bucketMs, text) => {
    expect(momentLabel(at, bucketMs, utc, NOON)).toBe(text);
  });
});

describe('windowLabel', () => {
  it.each([
    [NOON - 60 * MINUTE, NOON, '11:00 – 12:00'],
    [NOON - 5 * MINUTE, NOON, '11:55:00 – 12:00:00'],
    [NOON - DAY, NOON, '30 Apr, 12:00 – 1 May, 12:00'],
    [NOON - DAY, NOON - DAY + 60 * MINUTE, '30 Apr, 12:00 – 13:00'],
  ])('of %d to %d is %s', (start, end, text) => {
    expect(windowLabel(start, end, utc, NOON)).toBe(text);
  });
});

describe('in other regions', () => {
  afterEach(() => {
    speak('en-GB');
  });

  // What stands between a time and its AM or PM is one of several spaces.
  const plain = (text: string): string => text.replace(/\s/g, ' ');
  const evening = NOON + 9 * 60 * MINUTE;

  it.each([
    ['de-DE', '21:00', '1. Mai, 21:00', '01.05.2026, 21:00:00'],
    ['fr-FR', '21:00', '1 mai, 21:00', '1 mai 2026, 21:00:00'],
    ['en-US', '9:00 PM', 'May 1, 9:00 PM', 'May 1, 2026, 9:00:00 PM'],
    ['en-US-u-hc-h23', '21:00', 'May 1, 21:00', 'May 1, 2026, 21:00:00'],
    ['hi-IN', '9:00 pm', '1 मई, 9:00 pm', '1 मई 2026, 9:00:00 pm'],
    ['ar-EG', '9:00 م', '1 مايو، 9:00 م', undefined],
    ['ar-EG-u-nu-arab', '٩:٠٠ م', '١ مايو، ٩:٠٠ م', undefined],
  ])('%s tells the time as %s', (tag, clock, moment, full) => {
    speak(tag);
    expect(plain(timeLabel(evening, MINUTE, utc))).toBe(clock);
    expect(plain(momentLabel(evening, MINUTE, utc, evening + DAY))).toBe(moment);
    if (full) expect(plain(fullLabel(evening, utc))).toBe(full);
  });

  it('begins weeks on their own first day', () => {
    const weekdays = (tag: string): Set<number> => {
      speak(tag);
      const ticks = timeTicks(NOON - 30 * DAY, NOON, 5, utc);
      return new Set(ticks.map((tick) => new Date(tick).getUTCDay()));
    };
    expect(weekdays('de-DE')).toEqual(new Set([1]));
    expect(weekdays('en-US')).toEqual(new Set([0]));
    expect(weekdays('ar-EG')).toEqual(new Set([6]));
  });
});
