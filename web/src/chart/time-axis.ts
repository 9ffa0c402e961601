import { locale } from '../series/locale';
import { DAY_MS } from '../series/window';
import type { Zone } from '../series/zone';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK_MS = 7 * DAY_MS;
/** The day before a Monday: days of the week count from one. */
const SUNDAY = 3 * DAY_MS;

/** What stands at a tick, of ticks `stepMs` apart: the time on the zone's clocks, or the day that begins. */
export function timeLabel(at: number, stepMs: number, zone: Zone): string {
  const wall = zone.wall(at);
  const isMidnight = wall.getTime() % DAY_MS === 0;
  return isMidnight || stepMs >= DAY_MS
    ? locale().day(wall)
    : locale().clock(wall, stepMs < MINUTE);
}

/** A bucket's time in full, with the day where it is not today. */
export function momentLabel(at: number, bucketMs: number, zone: Zone, now = Date.now()): string {
  const wall = zone.wall(at);
  if (bucketMs >= DAY_MS) return locale().date(wall);
  const isToday = zone.dayStart(at) === zone.dayStart(now);
  const withSeconds = bucketMs < MINUTE;
  return isToday ? locale().clock(wall, withSeconds) : locale().dayAndClock(wall, withSeconds);
}

/** A moment with its day, year and second. */
export function fullLabel(at: number, zone: Zone): string {
  return locale().full(zone.wall(at));
}

/** A window in words: "20:10 – 20:15", "21 Nov, 20:10 – 22 Nov, 08:00". */
export function windowLabel(start: number, end: number, zone: Zone, now = Date.now()): string {
  const withSeconds = end - start < 10 * MINUTE || start % MINUTE !== 0;
  const from = momentLabel(start, withSeconds ? 1000 : MINUTE, zone, now);
  const isOneDay = zone.dayStart(start) === zone.dayStart(end - 1);
  const write = isOneDay ? 'clock' : 'dayAndClock';
  return `${from} – ${locale()[write](zone.wall(end), withSeconds)}`;
}

/** Distances between ticks, round to a reader of clocks. */
const STEPS = [
  ...[1, 2, 5, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28, 84].map((days) => days * DAY_MS),
];

/** Round times on the zone's clocks between `min` and `max`, at most `most` of them. */
export function timeTicks(min: number, max: number, most: number, zone: Zone): number[] {
  const step = STEPS.find((candidate) => (max - min) / candidate <= most) ?? 52 * WEEK_MS;
  const origin = step >= WEEK_MS ? SUNDAY + locale().firstDay * DAY_MS : 0;
  const from = zone.wall(min).getTime();
  const ticks: number[] = [];
  for (let wall = Math.ceil((from - origin) / step) * step + origin; ; wall += step) {
    const tick = zone.moment(wall);
    if (tick > max) return ticks;
    if (tick >= min && tick !== ticks.at(-1)) ticks.push(tick);
  }
}
