export interface Scale {
  min: number;
  max: number;
  ticks: number[];
}

const STEPS = [1, 2, 2.5, 5, 10];
const MOST_INTERVALS = 4;

function roundUp(rough: number, base: number): number {
  const magnitude = base ** Math.floor(Math.log(rough) / Math.log(base) + 1e-9);
  const steps = base === 10 ? STEPS : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  return (steps.find((step) => step * magnitude >= rough * (1 - 1e-9)) ?? base) * magnitude;
}

/**
 * A scale with at most five ticks at round values that covers `low` to `high`.
 * It stands on `floor` unless values go below it; `base` is 1024 for bytes.
 */
export function niceScale(low: number, high: number, base: 10 | 1024 = 10, floor = 0): Scale {
  const bottom = Math.min(floor, low);
  const top = high > bottom ? high : bottom + 1;
  const step = roundUp((top - bottom) / MOST_INTERVALS, base);
  const min = Math.floor(bottom / step + 1e-9) * step;
  const count = Math.ceil((top - min) / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) =>
    Number((min + i * step).toPrecision(12)),
  );
  return { min, max: ticks.at(-1) ?? top, ticks };
}
