import type { Position } from '../panels/widget';
import { COLUMNS } from './grid';

/** Anything that stands on the grid. */
export interface Placed {
  id: string;
  position: Position;
}

const WIDEST = COLUMNS.desktop;
const HIGHEST = 100;
/** As far down as the server lets a widget stand. */
const LOWEST = 1000;

export function overlap(a: Position, b: Position): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

function samePlace(a: Position, b: Position): boolean {
  return a.x === b.x && a.y === b.y && a.w === b.w && a.h === b.h;
}

/** Widgets with other places; those that stay where they are stay the same objects. */
export function placed<T extends Placed>(
  widgets: readonly T[],
  places: ReadonlyMap<string, Position>,
): T[] {
  return widgets.map((widget) => {
    const at = places.get(widget.id);
    if (!at || samePlace(at, widget.position)) return widget;
    return { ...widget, position: { x: at.x, y: at.y, w: at.w, h: at.h } };
  });
}

/** As they are read: row by row, from the left. */
export function readingOrder<T extends Placed>(widgets: readonly T[]): T[] {
  return [...widgets].sort((a, b) => a.position.y - b.position.y || a.position.x - b.position.x);
}

/** The highest place at or below `at` that overlaps none. */
function below(at: Position, taken: readonly Position[]): Position {
  let place = at;
  for (;;) {
    const hit = taken.find((other) => overlap(place, other));
    if (!hit) return place;
    place = { ...place, y: hit.y + hit.h };
  }
}

/** Pushes widgets down until none overlaps another; `first` stays where it is. */
export function settle<T extends Placed>(widgets: readonly T[], first?: string): T[] {
  const order = readingOrder(widgets).sort(
    (a, b) => Number(b.id === first) - Number(a.id === first),
  );
  const places = new Map<string, Position>();
  for (const { id, position } of order) places.set(id, below(position, [...places.values()]));
  return placed(widgets, places);
}

/** The first place, in reading order, that holds a widget of this size. */
export function firstFree(widgets: readonly Placed[], w: number, h: number): Position {
  const taken = widgets.map(({ position }) => position);
  for (let y = 0; ; y += 1) {
    for (let x = 0; x + w <= WIDEST; x += 1) {
      const place = { x, y, w, h };
      if (!taken.some((other) => overlap(place, other))) return place;
    }
  }
}

function put<T extends Placed>(widgets: readonly T[], id: string, place: Position): T[] {
  return settle(placed(widgets, new Map([[id, place]])), id);
}

/** Moves a widget by columns and rows; what it hits makes room below. */
export function move<T extends Placed>(
  widgets: readonly T[],
  id: string,
  columns: number,
  rows: number,
): T[] {
  const at = widgets.find((widget) => widget.id === id)?.position;
  if (!at) return [...widgets];
  const x = clamp(at.x + columns, 0, WIDEST - at.w);
  return put(widgets, id, { ...at, x, y: clamp(at.y + rows, 0, LOWEST) });
}

/** Makes a widget wider or higher by columns and rows. */
export function resize<T extends Placed>(
  widgets: readonly T[],
  id: string,
  columns: number,
  rows: number,
): T[] {
  const at = widgets.find((widget) => widget.id === id)?.position;
  if (!at) return [...widgets];
  const w = clamp(at.w + columns, 1, WIDEST - at.x);
  return put(widgets, id, { ...at, w, h: clamp(at.h + rows, 1, HIGHEST) });
}

/** Changes places with the widget that is read before (-1) or after (1). */
export function swap<T extends Placed>(widgets: readonly T[], id: string, step: -1 | 1): T[] {
  const order = readingOrder(widgets);
  const from = order.findIndex((widget) => widget.id === id);
  const [one, other] = [order[from], order[from + step]];
  if (!one || !other) return [...widgets];
  const places = new Map([
    [one.id, other.position],
    [other.id, one.position],
  ]);
  return placed(widgets, places);
}

/** Moves all up as far as there is room, so that no gap is left above any. */
export function closeGaps<T extends Placed>(widgets: readonly T[]): T[] {
  const places = new Map<string, Position>();
  for (const { id, position } of readingOrder(widgets)) {
    const taken = [...places.values()];
    let { y } = position;
    while (y > 0 && !taken.some((other) => overlap({ ...position, y: y - 1 }, other))) y -= 1;
    places.set(id, below({ ...position, y }, taken));
  }
  return placed(widgets, places);
}
