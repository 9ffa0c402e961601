import type { Layouts, Position } from '../panels/widget';
import { closeGaps, placed, samePlace, settle } from './arrange';
import { derive } from './derive';
import type { Breakpoint, Narrower, Placed, Standing } from './grid';

/** Where a widget was put on screens of a size; null where that follows from the wide layout. */
export function ownPlace({ position, layouts }: Standing, on: Breakpoint): Position | null {
  return on === 'wide' ? position : (layouts?.[on] ?? null);
}

/** Whether somebody arranged the layout for screens of a size. */
export function isArranged(widgets: readonly Standing[], on: Breakpoint): boolean {
  return widgets.some((widget) => ownPlace(widget, on) !== null);
}

function ownPlaces(widgets: readonly Standing[], on: Narrower): Placed[] {
  return widgets.flatMap((widget) => {
    const position = ownPlace(widget, on);
    return position ? [{ id: widget.id, position }] : [];
  });
}

/** Those that nobody put anywhere stand below all others. */
function narrow(widgets: readonly Standing[], on: Narrower): Map<string, Position> {
  const own = ownPlaces(widgets, on);
  const standing = on === 'small' ? closeGaps(own) : settle(own);
  const places = new Map(standing.map(({ id, position }) => [id, position]));
  const bottom = Math.max(0, ...[...places.values()].map(({ y, h }) => y + h));
  const others = widgets.filter(({ id }) => !places.has(id));
  for (const [id, at] of derive(others, on)) places.set(id, { ...at, y: at.y + bottom });
  return places;
}

/**
 * Where each widget stands: as it was arranged for screens of that size, else as follows from the
 * wide layout. On small screens nothing leaves a gap above itself.
 */
export function layout(widgets: readonly Standing[], on: Breakpoint): Map<string, Position> {
  if (on === 'wide') return new Map(widgets.map(({ id, position }) => [id, position]));
  return narrow(widgets, on);
}

/** The widgets with the places that they have on screens of a size. */
export function shownOn(widgets: readonly Standing[], on: Breakpoint): Placed[] {
  const places = layout(widgets, on);
  return widgets.map(({ id, position }) => ({ id, position: places.get(id) ?? position }));
}

function withLayout<T extends Standing>(widget: T, on: Narrower, place: Position | null): T {
  const before = ownPlace(widget, on);
  if (before === place || (before && place && samePlace(before, place))) return widget;
  const { layouts, ...rest } = widget;
  const kept: Layouts = { ...layouts };
  if (place) kept[on] = { x: place.x, y: place.y, w: place.w, h: place.h };
  else Reflect.deleteProperty(kept, on);
  return (Object.keys(kept).length > 0 ? { ...rest, layouts: kept } : rest) as T;
}

/** Widgets put elsewhere on screens of a size; null has one follow the wide layout there. */
export function putOn<T extends Standing>(
  widgets: readonly T[],
  on: Breakpoint,
  places: ReadonlyMap<string, Position | null>,
): T[] {
  if (on === 'wide')
    return placed(widgets, new Map([...places].flatMap(([id, at]) => (at ? [[id, at]] : []))));
  return widgets.map((widget) => {
    const place = places.get(widget.id);
    return place === undefined ? widget : withLayout(widget, on, place);
  });
}

/**
 * Changes where widgets stand on screens of a size, and there only: the first change of a narrow
 * layout puts all of them where they are seen.
 *
 * @param change Is given the widgets as they stand there, and returns them as they shall.
 */
export function rearrange<T extends Standing>(
  widgets: readonly T[],
  on: Breakpoint,
  change: (standing: readonly Placed[]) => readonly Placed[],
): readonly T[] {
  const before = layout(widgets, on);
  const after = new Map(change(shownOn(widgets, on)).map(({ id, position }) => [id, position]));
  const isSame = [...before].every(([id, at]) => samePlace(at, after.get(id) ?? at));
  return isSame ? widgets : putOn(widgets, on, new Map([...before, ...after]));
}

/** Has the layout for screens of a size follow the wide one again. */
export function followWide<T extends Standing>(widgets: readonly T[], on: Narrower): T[] {
  return widgets.map((widget) => withLayout(widget, on, null));
}
