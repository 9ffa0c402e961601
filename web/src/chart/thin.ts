/** A point of a small line, in its own units. */
export interface Spot {
  x: number;
  y: number;
}

/** What is left of a run of points, in their order: of each `step` of x the lowest and the highest. */
export function thinned(run: readonly Spot[], step: number): Spot[] {
  const kept: Spot[] = [];
  let place = -Infinity;
  let low: Spot | null = null;
  let high: Spot | null = null;
  const keep = (): void => {
    if (!low || !high) return;
    if (low === high) kept.push(low);
    else kept.push(...(low.x < high.x ? [low, high] : [high, low]));
  };
  for (const spot of run) {
    const here = Math.floor(spot.x / step);
    if (here !== place) {
      keep();
      [place, low, high] = [here, spot, spot];
    }
    if (low && spot.y < low.y) low = spot;
    if (high && spot.y > high.y) high = spot;
  }
  keep();
  return kept;
}
