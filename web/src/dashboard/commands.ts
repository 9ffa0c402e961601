import type { Position } from '../panels/widget';
import { firstFree, placed, settle } from './arrange';
import { LONGEST_NAME, type Content } from './content';
import type { RawWidget } from './document';

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

/** Adds a widget where there is room for it first. */
export function addWidget(
  content: Content,
  id: string,
  shown: Shown,
  { w, h }: Pick<Position, 'w' | 'h'>,
): Content {
  const position = firstFree(content.widgets, w, h);
  return { ...content, widgets: [...content.widgets, { id, ...shown, position }] };
}

export function changeWidget(content: Content, id: string, shown: Shown): Content {
  const widgets = content.widgets.map((widget) =>
    widget.id === id ? { ...shown, id, position: widget.position } : widget,
  );
  return { ...content, widgets };
}

export function removeWidget(content: Content, id: string): Content {
  return { ...content, widgets: content.widgets.filter((widget) => widget.id !== id) };
}

/** Puts a copy right below the widget; what stands there makes room. */
export function duplicateWidget(content: Content, id: string, copyId: string): Content {
  const widget = widgetOf(content, id);
  if (!widget) return content;
  const { x, y, w, h } = widget.position;
  const position = { x, y: y + h, w, h };
  const title = widget.title
    ? widget.title.slice(0, LONGEST_TITLE - COPY.length) + COPY
    : widget.title;
  const copy = { ...structuredClone(widget), id: copyId, title, position };
  return { ...content, widgets: settle([...content.widgets, copy], copyId) };
}

export function arrangeWidgets(content: Content, places: ReadonlyMap<string, Position>): Content {
  return { ...content, widgets: placed(content.widgets, places) };
}

/** Another name; one that is empty is none. */
export function rename(content: Content, name: string): Content {
  const given = name.trim().slice(0, LONGEST_NAME);
  return given === '' ? content : { ...content, name: given };
}
