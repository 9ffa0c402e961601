import { describe, expect, it } from 'vitest';

import { Zone, zoneOf } from './zone';

const at = (iso: string): number => Date.parse(iso);
const berlin = new Zone('Europe/Berlin');

describe('Zone', () => {
  it.each([
    ['UTC', '2026-05-01T10:00:00Z', '2026-05-01T10:00:00.000Z'],
    ['Europe/Berlin', '2026-05-01T10:00:00Z', '2026-05-01T12:00:00.000Z'],
    ['Europe/Berlin', '2026-01-01T23:30:00Z', '2026-01-02T00:30:00.000Z'],
    ['Asia/Kathmandu', '2026-05-01T10:00:00Z', '2026-05-01T15:45:00.000Z'],
    ['America/New_York', '2026-05-01T02:00:00Z', '2026-04-30T22:00:00.000Z'],
  ])('%s shows the time of %s', (name, moment, wall) => {
    expect(new Zone(name).wall(at(moment)).toISOString()).toBe(wall);
  });

  it('finds the moment that its clocks show', () => {
    for (const moment of ['2026-01-15T12:00:00Z', '2026-07-15T12:00:00Z']) {
      expect(berlin.moment(berlin.wall(at(moment)).getTime())).toBe(at(moment));
    }
  });

  it('takes the first of an hour that comes twice', () => {
    expect(berlin.moment(at('2026-10-25T02:30:00Z'))).toBe(at('2026-10-25T00:30:00Z'));
  });

  it('knows the hours after the clocks have changed, and those that they jump over', () => {
    expect(berlin.moment(at('2026-10-25T03:30:00Z'))).toBe(at('2026-10-25T02:30:00Z'));
    expect(berlin.moment(at('2026-03-29T03:30:00Z'))).toBe(at('2026-03-29T01:30:00Z'));
    const cairo = new Zone('Africa/Cairo');
    expect(cairo.dayStart(at('2026-04-24T10:00:00Z'))).toBe(at('2026-04-23T22:00:00Z'));
  });

  it('begins days at its own midnight, the days on which clocks change too', () => {
    expect(berlin.dayStart(at('2026-03-29T12:00:00Z'))).toBe(at('2026-03-28T23:00:00Z'));
    expect(berlin.dayStart(at('2026-03-29T12:00:00Z'), 1)).toBe(at('2026-03-29T22:00:00Z'));
    expect(berlin.dayStart(at('2026-10-26T12:00:00Z'), -1)).toBe(at('2026-10-24T22:00:00Z'));
  });
});

describe('zoneOf', () => {
  it('falls back to the browser’s own', () => {
    const own = zoneOf(null).name;
    expect(zoneOf('Mars/Olympus').name).toBe(own);
    expect(zoneOf('Asia/Tokyo').name).toBe('Asia/Tokyo');
  });
});
