import type { Position } from '../panels/widget';
import { placed, settle } from './arrange';
import { same, type Content } from './content';
import type { RawWidget } from './document';

const DETAILS = ['name', 'description', 'refresh_interval', 'filters', 'is_public'] as const;
type Detail = (typeof DETAILS)[number];
type Places = ReadonlyMap<string, Position>;

/** What both sides changed, each in its own way, and a person has to decide. */
export type Conflict =
  | { kind: 'widget'; id: string; title: string; mine: RawWidget | null; theirs: RawWidget | null }
  | { kind: 'detail'; detail: Detail; mine: unknown; theirs: unknown }
  | { kind: 'places'; theirs: Places };

export interface Merged {
  /** Both sides' changes; where they conflict, mine. */
  content: Content;
  conflicts: Conflict[];
}

export function keyOf(conflict: Conflict): string {
  if (conflict.kind === 'widget') return `widget ${conflict.id}`;
  return conflict.kind === 'detail' ? conflict.detail : 'places';
}

/** The one of the three values that counts, or that no rule says which. */
function pick<T>(base: T, mine: T, theirs: T): { value: T; conflict: boolean } {
  if (same(base, mine) || same(mine, theirs)) return { value: theirs, conflict: false };
  return { value: mine, conflict: !same(base, theirs) };
}

function byId(content: Content): Map<string, RawWidget> {
  return new Map(content.widgets.map((widget) => [widget.id, widget]));
}

/** A widget without its place, of which is decided apart: to move one is not to change it. */
function face(widget: RawWidget | undefined): Omit<RawWidget, 'position'> | null {
  if (!widget) return null;
  const { id, type, title, config } = widget;
  return { id, type, ...(title === undefined ? {} : { title }), config };
}

interface Sides<T> {
  base: T;
  mine: T;
  theirs: T;
}

function mergeWidget(id: string, sides: Sides<RawWidget | undefined>): [RawWidget[], Conflict[]] {
  const { base, mine, theirs } = sides;
  const { value, conflict } = pick(face(base), face(mine), face(theirs));
  const at = (mine ?? theirs ?? base)?.position;
  const widget = value && at ? [{ ...value, position: at }] : [];
  if (!conflict) return [widget, []];
  const title = (mine ?? theirs ?? base)?.title ?? id;
  return [widget, [{ kind: 'widget', id, title, mine: mine ?? null, theirs: theirs ?? null }]];
}

function mergePlaces(
  widgets: readonly RawWidget[],
  { base, mine, theirs }: Sides<Map<string, RawWidget>>,
): [RawWidget[], Conflict[]] {
  const places = new Map<string, Position>();
  const disputed = new Map<string, Position>();
  for (const { id } of widgets) {
    const [was, own, other] = [base, mine, theirs].map((side) => side.get(id)?.position);
    if (!own || !other) continue;
    const { value, conflict } = pick(was ?? own, own, other);
    places.set(id, value);
    if (conflict) disputed.set(id, other);
  }
  const conflicts: Conflict[] = disputed.size > 0 ? [{ kind: 'places', theirs: disputed }] : [];
  return [settle(placed(widgets, places)), conflicts];
}

function mergeWidgets(sides: Sides<Content>): [RawWidget[], Conflict[]] {
  const known = { base: byId(sides.base), mine: byId(sides.mine), theirs: byId(sides.theirs) };
  const ids = new Set([...known.theirs.keys(), ...known.mine.keys(), ...known.base.keys()]);
  const merged = [...ids].map((id) =>
    mergeWidget(id, {
      base: known.base.get(id),
      mine: known.mine.get(id),
      theirs: known.theirs.get(id),
    }),
  );
  const [widgets, moved] = mergePlaces(
    merged.flatMap(([widget]) => widget),
    known,
  );
  return [widgets, [...merged.flatMap(([, conflicts]) => conflicts), ...moved]];
}

/**
 * Joins two changes of one dashboard, widget by widget (a three-way merge).
 *
 * @param base What both sides began with.
 * @param mine What one side made of it; where both changed the same, it stays until decided.
 * @param theirs What the other side made of it.
 */
export function merge(base: Content, mine: Content, theirs: Content): Merged {
  const content = { ...theirs };
  const conflicts: Conflict[] = [];
  const take = <D extends Detail>(detail: D): void => {
    const { value, conflict } = pick(base[detail], mine[detail], theirs[detail]);
    content[detail] = value;
    if (conflict)
      conflicts.push({ kind: 'detail', detail, mine: mine[detail], theirs: theirs[detail] });
  };
  DETAILS.forEach(take);
  const [widgets, disputed] = mergeWidgets({ base, mine, theirs });
  return { content: { ...content, widgets }, conflicts: [...conflicts, ...disputed] };
}

function takeWidget(content: Content, id: string, theirs: RawWidget | null): Content {
  const others = content.widgets.filter((widget) => widget.id !== id);
  if (!theirs) return { ...content, widgets: others };
  const at = content.widgets.find((widget) => widget.id === id)?.position ?? theirs.position;
  return { ...content, widgets: settle([...others, { ...theirs, position: at }]) };
}

/** The content with the other side's choice in one conflict. */
export function takeTheirs(content: Content, conflict: Conflict): Content {
  switch (conflict.kind) {
    case 'widget':
      return takeWidget(content, conflict.id, conflict.theirs);
    case 'detail':
      return { ...content, [conflict.detail]: conflict.theirs };
    case 'places':
      return { ...content, widgets: settle(placed(content.widgets, conflict.theirs)) };
  }
}
