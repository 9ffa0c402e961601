import type { Position } from '../panels/widget';

/** The height of a row with the gap below it, px; on a wall it may be another. */
const ROW_PX = 64;

/** Widgets by whether they are in sight before anybody scrolls. */
export interface Sight {
  first: string[];
  /** From the top down. */
  later: string[];
}

/** @param height How much of the grid is in sight at most, px. */
export function bySight(places: ReadonlyMap<string, Position>, height: number): Sight {
  const down = [...places].sort(([, a], [, b]) => a.y - b.y || a.x - b.x);
  const isSeen = ([, { y }]: [string, Position]): boolean => y * ROW_PX < height;
  const ids = (some: typeof down): string[] => some.map(([id]) => id);
  return { first: ids(down.filter(isSeen)), later: ids(down.filter((one) => !isSeen(one))) };
}
