/** The row whose time is nearest to `time`; -1 of none. */
export function nearestRow(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  const [at, before] = [times[low], times[low - 1]];
  const isBefore = at !== undefined && before !== undefined && time - before < at - time;
  return at === undefined ? -1 : isBefore ? low - 1 : low;
}

/** The nearest row to `row`, within `reachMs`, in which a series has a value. */
export function nearestValue(
  values: readonly (number | null | undefined)[],
  times: readonly number[],
  row: number,
  reachMs: number,
): number | null {
  const time = times[row] ?? 0;
  const isNear = (at: number): boolean => Math.abs((times[at] ?? Infinity) - time) <= reachMs;
  for (let away = 0; isNear(row - away) || isNear(row + away); away += 1) {
    for (const at of [row - away, row + away]) {
      if (isNear(at) && typeof values[at] === 'number') return at;
    }
  }
  return null;
}
