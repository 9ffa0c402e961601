import type { Layouts, Position } from '../panels/widget';
import { firstFree, settle } from './arrange';
import { LONGEST_NAME, type Content } from './content';
import { derive } from './derive';
import type { RawWidget } from './document';
import { NARROWER, type Breakpoint, type Narrower, type Placed } from './grid';
import { followWide, isArranged, ownPlace, putOn, rearrange, shownOn } from './layout';

/** What of a widget is no affair of the grid. */
export type Shown = Pick<RawWidget, 'type' | 'title' | 'config'>;

const COPY = ' (copy)';
export const LONGEST_TITLE = 200;

/** An id that no other browser makes up at the same time. */
export function newWidgetId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function widgetOf(content: Content, id: string): RawWidget | undefined {
  return content.widgets.find((widget) => widget.id === id);
}

/** Where a new widget stands in a narrow layout that somebody arranged. */
function roomOn(widgets: readonly RawWidget[], added: Placed, on: Narrower): Position {
  const { w, h } = derive([added], on).get(added.id) ?? added.position;
  if (on === 'medium') return firstFree(shownOn(widgets, on), w, h, on);
  const bottoms = widgets.map((widget) => ownPlace(widget, on) ?? { y: 0, h: 0 });
  return { x: 0, y: Math.max(...bottoms.map((at) => at.y + at.h)), w, h };
}

/** Adds a widget where there is room for it first; on a phone it comes last. */
export function addWidget(
  content: Content,
  id: string,
  shown: Shown,
  { w, h }: Pick<Position, 'w' | 'h'>,
): Content {
  const { widgets } = content;
  const position = firstFree(widgets, w, h);
  const layouts: Layouts = {};
  for (const on of NARROWER)
    if (isArranged(widgets, on)) layouts[on] = roomOn(widgets, { id, position }, on);
  const added = { id, ...shown, position, ...(Object.keys(layouts).length > 0 ? { layouts } : {}) };
  return { ...content, widgets: [...widgets, added] };
}

export function changeWidget(content: Content, id: string, shown: Shown): Content {
  const widgets = content.widgets.map((widget) => {
    if (widget.id !== id) return widget;
    const { position, layouts } = widget;
    return { ...shown, id, position, ...(layouts ? { layouts } : {}) };
  });
  return { ...content, widgets };
}

export function removeWidget(content: Content, id: string): Content {
  return { ...content, widgets: content.widgets.filter((widget) => widget.id !== id) };
}

/** The places on screens of a size, with a copy right below the widget that it is of. */
function withCopy(
  widgets: readonly RawWidget[],
  id: string,
  copyId: string,
  on: Breakpoint,
): ReadonlyMap<string, Position> {
  const standing = shownOn(widgets, on);
  const at = standing.find((one) => one.id === id)?.position;
  if (!at) return new Map<string, Position>();
  const copy = { id: copyId, position: { ...at, y: at.y + at.h } };
  const settled = settle([...standing, copy], copyId);
  return new Map(settled.map((one) => [one.id, one.position]));
}

/** Puts a copy right below the widget, in each layout; what stands there makes room. */
export function duplicateWidget(content: Content, id: string, copyId: string): Content {
  const widget = widgetOf(content, id);
  if (!widget) return content;
  const title = widget.title
    ? widget.title.slice(0, LONGEST_TITLE - COPY.length) + COPY
    : widget.title;
  const copy = { ...structuredClone(widget), id: copyId, title };
  const { widgets } = content;
  const arranged = (['wide', ...NARROWER] as const).filter((on) => isArranged(widgets, on));
  const together = arranged.reduce<RawWidget[]>(
    (all, on) => putOn(all, on, withCopy(widgets, id, copyId, on)),
    [...widgets, copy],
  );
  return { ...content, widgets: together };
}

/** Puts widgets where a person dragged them, in the layout for screens of a size. */
export function arrangeWidgets(
  content: Content,
  on: Breakpoint,
  places: ReadonlyMap<string, Position>,
): Content {
  return rearrangeWidgets(content, on, (standing) =>
    standing.map((one) => ({ ...one, position: places.get(one.id) ?? one.position })),
  );
}

/** Changes the layout for screens of a size; nothing where all stay as they are. */
export function rearrangeWidgets(
  content: Content,
  on: Breakpoint,
  change: (standing: readonly Placed[]) => readonly Placed[],
): Content {
  const widgets = rearrange(content.widgets, on, change);
  return widgets === content.widgets ? content : { ...content, widgets: [...widgets] };
}

/** Has the layout for screens of a size follow the wide one again. */
export function followWideAgain(content: Content, on: Narrower): Content {
  return { ...content, widgets: followWide(content.widgets, on) };
}

/** Another name; one that is empty is none. */
export function rename(content: Content, name: string): Content {
  const given = name.trim().slice(0, LONGEST_NAME);
  return given === '' ? content : { ...content, name: given };
}
