import { breakpointFor } from '../../dashboard/grid';

/** How a dashboard fills a screen that is looked at from afar. */
export interface Fit {
  /** How much larger than at a desk. */
  zoom: number;
  /** The height of a row of the grid, px before the zoom. */
  rowPx: number;
  /** How many screens it takes; more than one are shown one after the other. */
  screens: number;
}

export const GAP = 8;
export const FOOT = 28;
/** A desk: what is larger shows the same, larger. */
const DESK = { width: 1280, height: 720 };
const LARGEST = 2.5;
const SMALLEST = 0.8;
const LOWEST_ROW = 44;
const HIGHEST_ROW = 160;

/** @param rows How many rows the grid has. */
export function fit(width: number, height: number, rows: number): Fit {
  // What is narrower than a desk has a layout of its own, of the usual size.
  const larger = Math.min(width / DESK.width, height / DESK.height, LARGEST);
  const wanted = breakpointFor(width) === 'wide' ? larger : 1;
  const whole = height / heightOf(Math.max(1, rows), LOWEST_ROW);
  const zoom = Math.max(Math.min(SMALLEST, wanted), Math.min(wanted, whole));
  const room = height / zoom - FOOT - 2 * GAP;
  const each = (room + GAP) / Math.max(1, rows) - GAP;
  const rowPx = Math.max(LOWEST_ROW, Math.min(HIGHEST_ROW, Math.floor(each)));
  const needed = heightOf(Math.max(1, rows), rowPx) - FOOT - 2 * GAP;
  return { zoom, rowPx, screens: Math.max(1, Math.ceil((needed - 1) / room)) };
}

function heightOf(rows: number, rowPx: number): number {
  return rows * (rowPx + GAP) - GAP + FOOT + 2 * GAP;
}

const STEPS = [0, 2, 4, 2, 0, -2, -4, -2] as const;

/** Where the picture stands after so many shifts, px: none of its edges burns in. */
export function shiftAt(count: number): { x: number; y: number } {
  const at = (n: number): number => STEPS[n % STEPS.length] ?? 0;
  return { x: at(count), y: at(count + 2) };
}

export const SECONDS = [10, 15, 30, 60, 120, 300] as const;
const USUAL_S = 30;
const SHORTEST_S = 10;
const LONGEST_S = 3600;

/** What an address says of the wall; null where it is none. */
export interface WallParams {
  /** Which dashboards; none for the one that the address is of. */
  boards: string[];
  everyS: number;
}

/** What an address has in the place of dashboards where those with a star take turns. */
export const STARRED = 'starred';

export function readWall(params: URLSearchParams): WallParams | null {
  if (!params.has('wall')) return null;
  const boards = (params.get('boards') ?? '').split(',').filter(Boolean);
  const said = Number(params.get('rotate') ?? USUAL_S);
  const everyS = Number.isFinite(said) ? Math.min(LONGEST_S, Math.max(SHORTEST_S, said)) : USUAL_S;
  return { boards, everyS };
}
