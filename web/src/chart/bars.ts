import type uPlot from 'uplot';

/** How bars over time stand: each on its bucket, on one another or side by side. */
export interface BarPlan {
  bucketMs: number;
  /** Which of how many bars of a bucket this series' is, where they stand side by side. */
  place: number;
  places: number;
  /** Where the bar of a row begins on the scale. */
  base: (row: number) => number;
}

/** How much of its bucket a bar, or all that stand beside one another, may take. */
const FILL = 0.8;
const WIDEST_PX = 40;
const RADIUS_PX = 2;

/** The left edge and the width of a series' bar in its bucket, px. */
export function barPlace(
  left: number,
  bucketPx: number,
  { place, places }: Pick<BarPlan, 'place' | 'places'>,
  widestPx = WIDEST_PX,
): [left: number, width: number] {
  const all = Math.min(bucketPx * FILL, widestPx * places);
  const width = all / places;
  return [left + (bucketPx - all) / 2 + place * width, Math.max(1, width)];
}

/** Draws a series as bars. */
export function barPaths(plan: BarPlan): uPlot.Series.PathBuilder {
  return (plot, index, first, last) => {
    const fill = new Path2D();
    const [times, values] = [plot.data[0], plot.data[index] ?? []];
    const start = times[first] ?? 0;
    const x = (time: number): number => plot.valToPos(time, 'x', true);
    const bucketPx = x(start + plan.bucketMs) - x(start);
    const scale = devicePixelRatio;
    // The bar of the bucket before the first one reaches into the picture.
    for (let row = Math.max(0, first - 1); row <= last; row += 1) {
      const value = values[row];
      if (value === null || value === undefined) continue;
      const [left, width] = barPlace(x(times[row] ?? 0), bucketPx, plan, WIDEST_PX * scale);
      const [top, bottom] = [value, plan.base(row)].map((at) => plot.valToPos(at, 'y', true));
      const radius = Math.min(RADIUS_PX * scale, width / 2);
      if (top === undefined || bottom === undefined || top === bottom) continue;
      fill.roundRect(left, top, width, bottom - top, [radius, radius, 0, 0]);
    }
    return { fill, stroke: null, clip: null };
  };
}
