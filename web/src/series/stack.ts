/** Columns of values over shared times, as they are drawn: `null` is a gap, `undefined` is drawn over. */
type Values = readonly (number | null | undefined)[];

/** Where each layer of a stack begins and ends at each time. */
export interface Layer {
  base: (number | null)[];
  top: (number | null)[];
}

/** Puts the values that are drawn over on the line between their neighbours. */
function drawnOver(values: Values): (number | null)[] {
  const filled: (number | null)[] = values.map((value) => value ?? null);
  let before = -1;
  values.forEach((value, row) => {
    if (value === undefined) return;
    const [from, to] = [before < 0 ? null : values[before], value];
    for (let at = before + 1; at < row && typeof from === 'number' && to !== null; at += 1)
      filled[at] = from + ((to - from) * (at - before)) / (row - before);
    before = row;
  });
  return filled;
}

/**
 * Stands the columns on one another, the first at the bottom. One that is left out, or that has a
 * gap, adds nothing there.
 */
export function stack(columns: readonly Values[], isLeftOut: (column: number) => boolean): Layer[] {
  const height = new Array<number>(columns[0]?.length ?? 0).fill(0);
  return columns.map((values, column) => {
    if (isLeftOut(column)) return { base: height.map(() => null), top: height.map(() => null) };
    const base: (number | null)[] = [...height];
    const top = drawnOver(values).map((value, row) => {
      if (value === null) return null;
      height[row] = (height[row] ?? 0) + value;
      return height[row] ?? null;
    });
    return { base, top };
  });
}
