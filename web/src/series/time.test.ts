import { describe, expect, it } from 'vitest';

import {
  placeTime,
  readTime,
  SHORTEST_MS,
  USUAL_TIME,
  windowOf,
  writeTime,
  type Time,
} from './time';
import { RANGES } from './window';
import { Zone } from './zone';

const NOW = Date.parse('2026-05-01T10:00:00Z');
const HOUR = 3_600_000;
const berlin = new Zone('Europe/Berlin');

function kept(time: Time): Time {
  return readTime(new URLSearchParams(writeTime(time, new URLSearchParams()).toString()));
}

describe('the time in an address', () => {
  it('is read back as it was written', () => {
    const times: Time[] = [
      ...RANGES.map((range): Time => ({ kind: 'last', range })),
      { kind: 'today' },
      { kind: 'yesterday' },
      windowOf(NOW - HOUR, NOW),
    ];
    for (const time of times) expect(kept(time)).toEqual(time);
  });

  it('leaves other parameters alone, and goes without saying where it is the usual one', () => {
    const around = new URLSearchParams('metric=a&range=1h&from=x&to=y');
    expect(writeTime(USUAL_TIME, around).toString()).toBe('metric=a');
  });

  it.each(['range=nonsense', 'from=2026-01-01', 'from=b&to=a', 'from=2026-02-01&to=2026-01-01'])(
    'is the usual one where it makes no sense: %s',
    (address) => {
      expect(readTime(new URLSearchParams(address))).toEqual(USUAL_TIME);
    },
  );
});

describe('placeTime', () => {
  it('lets spans end now, and windows where they end', () => {
    expect(placeTime(USUAL_TIME, NOW, berlin)).toMatchObject({ since: null, end: null });
    const { range, end } = placeTime(windowOf(NOW - HOUR, NOW), NOW, berlin);
    expect([range.spanMs, end]).toEqual([HOUR, NOW]);
  });

  it('begins days at the zone’s midnight', () => {
    const today = Date.parse('2026-04-30T22:00:00Z');
    expect(placeTime({ kind: 'today' }, NOW, berlin)).toMatchObject({ since: today, end: null });
    const yesterday = placeTime({ kind: 'yesterday' }, NOW, berlin);
    expect([yesterday.end, yesterday.range.spanMs]).toEqual([today, 24 * HOUR]);
    const after = Date.parse('2026-10-26T10:00:00Z');
    expect(placeTime({ kind: 'yesterday' }, after, berlin).range.spanMs).toBe(25 * HOUR);
  });
});

describe('windowOf', () => {
  it('is never so short that nothing is told of it', () => {
    const { start, end } = windowOf(NOW, NOW + 10) as { start: number; end: number };
    expect(end - start).toBe(SHORTEST_MS);
    expect(start).toBeLessThan(NOW);
  });
});
