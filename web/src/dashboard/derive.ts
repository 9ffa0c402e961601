/** What a narrow layout is until somebody arranges it: the wide one, on fewer columns. */

import type { Position } from '../panels/widget';
import { flow, overlap, readingOrder } from './arrange';
import { COLUMNS, type Narrower, type Placed } from './grid';

type Places = Map<string, Position>;

/** Half a tablet: what is narrower is too narrow for a chart, but not for what was small before. */
const HALF = COLUMNS.medium / 2;
const THIRD = COLUMNS.medium / 3;
const WIDEST_TILE = 3;
const HIGHEST_TILE = 2;

function bottomOf(places: Iterable<Position>): number {
  return Math.max(0, ...[...places].map(({ y, h }) => y + h));
}

/** Widgets that no line across the page divides: those that stand beside each other. */
function bandsOf(order: readonly Placed[]): Placed[][] {
  const bands: Placed[][] = [];
  let bottom = 0;
  for (const widget of order) {
    const { y, h } = widget.position;
    const last = bands.at(-1);
    if (last && y < bottom) last.push(widget);
    else bands.push([widget]);
    bottom = Math.max(bottom, y + h);
  }
  return bands;
}

/** A band as it is, on half the columns; null where a widget would be too narrow. */
function halved(band: readonly Placed[]): Places | null {
  const top = Math.min(...band.map(({ position }) => position.y));
  const places: Places = new Map();
  const taken: Position[] = [];
  for (const { id, position } of band) {
    const x = Math.round(position.x / 2);
    const w = Math.round((position.x + position.w) / 2) - x;
    const at = { x, y: position.y - top, w, h: position.h };
    if (w < HALF || taken.some((other) => overlap(at, other))) return null;
    places.set(id, at);
    taken.push(at);
  }
  return places;
}

function spanOf(w: number): number {
  if (w <= THIRD) return THIRD;
  return w <= COLUMNS.medium ? HALF : COLUMNS.medium;
}

/** Widens each as far as there is room to its right. */
function widened(places: Places): Places {
  const wide = new Map(places);
  for (const [id, at] of places) {
    const others = [...wide].filter(([other]) => other !== id).map(([, other]) => other);
    const beside = others.filter(
      ({ x, y, h }) => x >= at.x + at.w && y < at.y + at.h && at.y < y + h,
    );
    const edge = Math.min(COLUMNS.medium, ...beside.map(({ x }) => x));
    wide.set(id, { ...at, w: edge - at.x });
  }
  return wide;
}

/** A band one after the other, each a third, a half or the whole of a tablet wide. */
function flowed(band: readonly Placed[]): Places {
  const sized = band.map(({ id, position }) => ({
    id,
    position: { ...position, w: spanOf(position.w) },
  }));
  return widened(flow(sized, 'medium'));
}

function onMedium(order: readonly Placed[]): Places {
  const places: Places = new Map();
  for (const band of bandsOf(order)) {
    const top = bottomOf(places.values());
    for (const [id, at] of halved(band) ?? flowed(band)) places.set(id, { ...at, y: at.y + top });
  }
  return places;
}

/** Small enough to stand beside another one on a phone: a number, mostly. */
function isTile({ position }: Placed): boolean {
  return position.w <= WIDEST_TILE && position.h <= HIGHEST_TILE;
}

/** One below the other, but two tiles of one height beside each other. */
function onSmall(order: readonly Placed[]): Places {
  const places: Places = new Map();
  let y = 0;
  for (let i = 0; i < order.length;) {
    const pair = order.slice(i, i + 2);
    const h = pair[0]?.position.h ?? 0;
    const isPair = pair.length > 1 && pair.every((one) => isTile(one) && one.position.h === h);
    const row = isPair ? pair : pair.slice(0, 1);
    const w = COLUMNS.small / row.length;
    for (const [at, { id }] of row.entries()) places.set(id, { x: at * w, y, w, h });
    y += h;
    i += row.length;
  }
  return places;
}

/**
 * The wide layout on fewer columns: in the same reading order, each as high as before, none over
 * another, and nothing beyond the edge.
 */
export function derive(widgets: readonly Placed[], on: Narrower): Places {
  const order = readingOrder(widgets);
  return on === 'medium' ? onMedium(order) : onSmall(order);
}
