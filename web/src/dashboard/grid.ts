import type { Layouts, Position } from '../panels/widget';

/** How many columns a dashboard has, by how much room there is. */
export const COLUMNS = { wide: 12, medium: 6, small: 2 } as const;
export type Breakpoint = keyof typeof COLUMNS;
export const BREAKPOINTS: readonly Breakpoint[] = ['wide', 'medium', 'small'];
/** Those whose layout follows the wide one until somebody arranges it. */
export const NARROWER = ['medium', 'small'] as const;
export type Narrower = (typeof NARROWER)[number];

const WIDE_FROM = 1024;
const MEDIUM_FROM = 560;

/** @param width What the grid itself has, px: beside it stand a rail, or another page. */
export function breakpointFor(width: number): Breakpoint {
  if (width < MEDIUM_FROM) return 'small';
  return width < WIDE_FROM ? 'medium' : 'wide';
}

/** Anything that stands on a grid. */
export interface Placed {
  id: string;
  position: Position;
}

/** Anything that may stand elsewhere on smaller screens. */
export interface Standing extends Placed {
  layouts?: Layouts | null;
}
