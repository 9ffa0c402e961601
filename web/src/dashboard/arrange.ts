import type { Position } from '../panels/widget';
import { COLUMNS, type Breakpoint, type Placed } from './grid';

const HIGHEST = 100;
/** As far down as the server lets a widget stand. */
const LOWEST = 1000;

export function overlap(a: Position, b: Position): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

export function samePlace(a: Position, b: Position): boolean {
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
export function firstFree(
  widgets: readonly Placed[],
  w: number,
  h: number,
  on: Breakpoint = 'wide',
): Position {
  const taken = widgets.map(({ position }) => position);
  for (let y = 0; ; y += 1) {
    for (let x = 0; x + w <= COLUMNS[on]; x += 1) {
      const place = { x, y, w, h };
      if (!taken.some((other) => overlap(place, other))) return place;
    }
  }
}

function put(widgets: readonly Placed[], id: string, place: Position, on: Breakpoint): Placed[] {
  const settled = settle(placed(widgets, new Map([[id, place]])), id);
  return on === 'small' ? closeGaps(settled) : settled;
}

/** The row where a widget stands once it has changed places with what is above or below it. */
function rowBeyond(others: readonly Position[], at: Position, rows: number): number {
  const inWay = others.filter(({ x, w }) => x < at.x + at.w && at.x < x + w);
  if (rows < 0) {
    const above = inWay.filter(({ y }) => y < at.y);
    const nearest = Math.max(...above.map(({ y, h }) => y + h));
    return Math.min(at.y, ...above.filter(({ y, h }) => y + h === nearest).map(({ y }) => y));
  }
  const below = inWay.filter(({ y }) => y >= at.y + at.h);
  const nearest = Math.min(...below.map(({ y }) => y));
  return Math.max(at.y, ...below.filter(({ y }) => y === nearest).map(({ y, h }) => y + h));
}

/**
 * Moves a widget by columns and rows; what it hits makes room below. On small screens, where there
 * are no gaps, up and down pass what stands there.
 */
export function move(
  widgets: readonly Placed[],
  id: string,
  columns: number,
  rows: number,
  on: Breakpoint = 'wide',
): Placed[] {
  const at = widgets.find((widget) => widget.id === id)?.position;
  if (!at) return [...widgets];
  const x = clamp(at.x + columns, 0, COLUMNS[on] - at.w);
  const others = widgets.filter((widget) => widget.id !== id).map(({ position }) => position);
  const passes = on === 'small' && rows !== 0;
  const y = passes ? rowBeyond(others, at, rows) : clamp(at.y + rows, 0, LOWEST);
  return put(widgets, id, { ...at, x, y }, on);
}

/** Makes a widget wider or higher by columns and rows. */
export function resize(
  widgets: readonly Placed[],
  id: string,
  columns: number,
  rows: number,
  on: Breakpoint = 'wide',
): Placed[] {
  const at = widgets.find((widget) => widget.id === id)?.position;
  if (!at) return [...widgets];
  const w = clamp(at.w + columns, 1, COLUMNS[on] - at.x);
  return put(widgets, id, { ...at, w, h: clamp(at.h + rows, 1, HIGHEST) }, on);
}

/** Two that stand one above the other change their order, and each keeps its height. */
function stacked(upper: Placed, lower: Placed): [string, Position][] {
  const { y, h } = upper.position;
  const { y: under, h: height } = lower.position;
  return [
    [lower.id, { ...lower.position, y }],
    [upper.id, { ...upper.position, y: under + height - h }],
  ];
}

/** The first place after another one, in reading order, that overlaps none. */
function nextPlace(
  after: Position,
  size: Position,
  taken: readonly Position[],
  on: Breakpoint,
): Position {
  let [x, y] = [after.x + after.w, after.y];
  for (;;) {
    if (x + size.w > COLUMNS[on]) [x, y] = [0, y + 1];
    const at = { x, y, w: size.w, h: size.h };
    if (!taken.some((other) => overlap(at, other))) return at;
    x += 1;
  }
}

/** Where widgets stand that are set one after the other, row by row, as words are. */
export function flow(order: readonly Placed[], on: Breakpoint): Map<string, Position> {
  const places = new Map<string, Position>();
  let after: Position = { x: 0, y: 0, w: 0, h: 0 };
  for (const { id, position } of order) {
    after = nextPlace(after, position, [...places.values()], on);
    places.set(id, after);
  }
  return places;
}

/**
 * Changes places with the widget that is read before (-1) or after (1). On small screens, and where
 * one stands above the other, both keep their sizes.
 */
export function swap(
  widgets: readonly Placed[],
  id: string,
  step: -1 | 1,
  on: Breakpoint = 'wide',
): Placed[] {
  const order = readingOrder(widgets);
  const from = order.findIndex((widget) => widget.id === id);
  const first = Math.min(from, from + step);
  const [one, other] = [order[first], order[first + 1]];
  if (!one || !other || from < 0) return [...widgets];
  if (on === 'small') {
    order.splice(first, 2, other, one);
    return closeGaps(placed(widgets, flow(order, on)));
  }
  const [a, b] = [one.position, other.position];
  if (a.x === b.x && a.w === b.w) return placed(widgets, new Map(stacked(one, other)));
  const places = new Map([
    [one.id, b],
    [other.id, a],
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
