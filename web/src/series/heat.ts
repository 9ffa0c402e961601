/** How values become colours: 0 at `low`, 1 at `high` and beyond. */
export interface HeatScale {
  low: number;
  high: number;
  /** Whether some values are beyond `high`. */
  isCut: boolean;
}

/** The value that this share of the others does not exceed. */
const HIGH_SHARE = 0.98;
/** Only where the rest would all look alike is the scale cut. */
const CUT_ABOVE = 2;

/** A scale from the least to the greatest value, cut where a few are far beyond the rest. */
export function heatScale(
  values: readonly number[],
  min: number | null,
  max: number | null,
): HeatScale {
  const sorted = [...values].sort((a, b) => a - b);
  const low = min ?? Math.min(0, sorted[0] ?? 0);
  const most = sorted.at(-1) ?? low + 1;
  const usual = sorted[Math.floor((sorted.length - 1) * HIGH_SHARE)] ?? most;
  const fitting = most - low > CUT_ABOVE * (usual - low) && usual > low ? usual : most;
  const high = max ?? fitting;
  return { low, high: high > low ? high : low + 1, isCut: most > high };
}

/** Where a value stands on the scale, 0 to 1. */
export function heatOf(value: number, { low, high }: HeatScale): number {
  return Math.max(0, Math.min(1, (value - low) / (high - low)));
}
