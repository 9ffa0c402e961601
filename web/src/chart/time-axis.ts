const two = (value: number): string => String(value).padStart(2, '0');

/** Clock times for ticks `stepMs` apart, in the reader's own time zone. */
export function timeLabel(epochMs: number, stepMs: number): string {
  const date = new Date(epochMs);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return stepMs < 60_000 ? `${clock}:${two(date.getSeconds())}` : clock;
}

/** A moment in full, for a tooltip. */
export function momentLabel(epochMs: number): string {
  return timeLabel(epochMs, 0);
}

const MINUTE = 60_000;
/** Distances between ticks, round to a reader of clocks. */
const STEPS = [
  5_000,
  15_000,
  30_000,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  60 * MINUTE,
  120 * MINUTE,
  360 * MINUTE,
  720 * MINUTE,
];

/** Round times between `min` and `max`, at most `most` of them. */
export function timeTicks(min: number, max: number, most: number): number[] {
  const step = STEPS.find((candidate) => (max - min) / candidate <= most) ?? 1440 * MINUTE;
  // Steps of hours are round on the reader's clock, not on that of Greenwich.
  const zone = new Date(min).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((min - zone) / step) * step + zone;
  const ticks: number[] = [];
  for (let tick = first; tick <= max; tick += step) ticks.push(tick);
  return ticks;
}
