import type { Position } from '../panels/widget';
import { settle } from './arrange';
import { same, type Content } from './content';
import type { RawWidget } from './document';
import { BREAKPOINTS, type Breakpoint } from './grid';
import { ownPlace, putOn } from './layout';

const DETAILS = ['name', 'description', 'refresh_interval', 'filters', 'is_public'] as const;
type Detail = (typeof DETAILS)[number];
/** By widget, where it stands; null for where it stands by itself. */
type Places = ReadonlyMap<string, Position | null>;

/** What both sides changed, each in its own way, and a person has to decide. */
export type Conflict =
  | { kind: 'widget'; id: string; title: string; mine: RawWidget | null; theirs: RawWidget | null }
  | { kind: 'detail'; detail: Detail; mine: unknown; theirs: unknown }
  | { kind: 'places'; on: Breakpoint; theirs: Places };

export interface Merged {
  /** Both sides' changes; where they conflict, mine. */
  content: Content;
  conflicts: Conflict[];
}

export function keyOf(conflict: Conflict): string {
  if (conflict.kind === 'widget') return `widget ${conflict.id}`;
  return conflict.kind === 'detail' ? conflict.detail : `places ${conflict.on}`;
}

/** The one of the three values that counts, or that no rule says which. */
function pick<T>(base: T, mine: T, theirs: T): { value: T; conflict: boolean } {
  if (same(base, mine) || same(mine, theirs)) return { value: theirs, conflict: false };
  return { value: mine, conflict: !same(base, theirs) };
}

function byId(content: Content): Map<string, RawWidget> {
  return new Map(content.widgets.map((widget) => [widget.id, widget]));
}

/** A widget without its places, of which is decided apart: to move one is not to change it. */
type Face = Omit<RawWidget, 'position' | 'layouts'>;

function face({ id, type, title, config }: RawWidget): Face {
  return { id, type, ...(title === undefined ? {} : { title }), config };
}

function faceOf(widget: RawWidget | undefined): Face | null {
  return widget ? face(widget) : null;
}

function stand({ position, layouts }: RawWidget): Pick<RawWidget, 'position' | 'layouts'> {
  return { position, ...(layouts ? { layouts } : {}) };
}

interface Sides<T> {
  base: T;
  mine: T;
  theirs: T;
}

function mergeWidget(id: string, sides: Sides<RawWidget | undefined>): [RawWidget[], Conflict[]] {
  const { base, mine, theirs } = sides;
  const { value, conflict } = pick(faceOf(base), faceOf(mine), faceOf(theirs));
  const known = mine ?? theirs ?? base;
  const widget = value && known ? [{ ...value, ...stand(known) }] : [];
  if (!conflict) return [widget, []];
  const title = known?.title ?? id;
  return [widget, [{ kind: 'widget', id, title, mine: mine ?? null, theirs: theirs ?? null }]];
}

type Known = Sides<ReadonlyMap<string, RawWidget>>;

interface MergedPlaces {
  places: Places;
  /** Where the other side has what both moved, each elsewhere. */
  disputed: Places;
}

/** Where the widgets that both sides have stand on screens of a size, side by side. */
function placesOn(on: Breakpoint, { base, mine, theirs }: Known): Sides<Places> {
  const ids = [...mine.keys()].filter((id) => theirs.has(id));
  const of = (side: Known['base']): Places =>
    new Map(
      ids.map((id) => {
        const widget = side.get(id) ?? mine.get(id);
        return [id, widget ? ownPlace(widget, on) : null];
      }),
    );
  return { base: of(base), mine: of(mine), theirs: of(theirs) };
}

function pickEach({ base, mine, theirs }: Sides<Places>): MergedPlaces {
  const places = new Map<string, Position | null>();
  const disputed = new Map<string, Position | null>();
  for (const [id, own] of mine) {
    const other = theirs.get(id) ?? null;
    const { value, conflict } = pick(base.get(id) ?? null, own, other);
    places.set(id, value);
    if (conflict) disputed.set(id, other);
  }
  return { places, disputed };
}

function pickWhole({ base, mine, theirs }: Sides<Places>): MergedPlaces {
  const { value, conflict } = pick([...base], [...mine], [...theirs]);
  return { places: new Map(value), disputed: conflict ? theirs : new Map() };
}

function isEmpty(places: Places): boolean {
  return [...places.values()].every((at) => at === null);
}

/** A layout that one side has follow the wide one again is taken as a whole, or not at all. */
function pickPlaces(sides: Sides<Places>): MergedPlaces {
  const isReset = !isEmpty(sides.base) && (isEmpty(sides.mine) || isEmpty(sides.theirs));
  return isReset ? pickWhole(sides) : pickEach(sides);
}

/** Nothing may stand over another on the wide grid; the narrow ones see to it when they are drawn. */
function put(widgets: readonly RawWidget[], on: Breakpoint, places: Places): RawWidget[] {
  const moved = putOn(widgets, on, places);
  return on === 'wide' ? settle(moved) : moved;
}

function mergePlaces(widgets: readonly RawWidget[], known: Known): [RawWidget[], Conflict[]] {
  let merged = [...widgets];
  const conflicts: Conflict[] = [];
  for (const on of BREAKPOINTS) {
    const { places, disputed } = pickPlaces(placesOn(on, known));
    merged = put(merged, on, places);
    if (disputed.size > 0) conflicts.push({ kind: 'places', on, theirs: disputed });
  }
  return [merged, conflicts];
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
  const own = content.widgets.find((widget) => widget.id === id) ?? theirs;
  const taken = { ...face(theirs), ...stand(own) };
  return { ...content, widgets: settle([...others, taken]) };
}

/** The content with the other side's choice in one conflict. */
export function takeTheirs(content: Content, conflict: Conflict): Content {
  switch (conflict.kind) {
    case 'widget':
      return takeWidget(content, conflict.id, conflict.theirs);
    case 'detail':
      return { ...content, [conflict.detail]: conflict.theirs };
    case 'places':
      return { ...content, widgets: put(content.widgets, conflict.on, conflict.theirs) };
  }
}
