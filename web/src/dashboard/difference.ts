import { same, type Content } from './content';
import type { RawWidget } from './document';
import { NARROWER, type Breakpoint, type Narrower } from './grid';
import { isArranged, ownPlace } from './layout';

/** What became of one widget, or of the dashboard itself. */
export interface Difference {
  /** What happened, with its object: `added “CPU”`, `renamed to “Shop”`. */
  what: string;
  /** Field by field, where there is more to say: `aggregation: avg → p95`. */
  fields: string[];
}

const LONGEST = 60;

function titleOf({ id, title }: RawWidget): string {
  return `“${title?.trim() ? title : id}”`;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** A value as a person writes it. */
function said(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
    return cut(value.length > 0 ? value.join(', ') : 'nothing');
  return cut(typeof value === 'string' ? value : JSON.stringify(value));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Each field that differs, by its path: `query.aggregation: avg → p95`. */
function fieldWords(before: unknown, after: unknown, path: string): string[] {
  if (same(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [`${path}: ${said(before)} → ${said(after)}`];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    fieldWords(before[name], after[name], path ? `${path}.${name}` : name),
  );
}

function placeWords({ x, y, w, h }: RawWidget['position']): string {
  return `column ${String(x + 1)}, row ${String(y + 1)}, ${String(w)} × ${String(h)}`;
}

function changeOf(old: RawWidget, widget: RawWidget): Difference[] {
  const fields = [
    ...fieldWords(old.type, widget.type, 'type'),
    ...fieldWords(old.title ?? '', widget.title ?? '', 'title'),
    ...fieldWords(old.config, widget.config, ''),
  ];
  return fields.length > 0 ? [{ what: `changed ${titleOf(widget)}`, fields }] : [];
}

function moveOf(old: RawWidget, widget: RawWidget, on: Breakpoint): Difference[] {
  const [from, to] = [ownPlace(old, on), ownPlace(widget, on)];
  if (same(from, to) || !from || !to) return [];
  const moved = on === 'wide' ? 'moved' : `moved on ${on} screens`;
  return [
    { what: `${moved} ${titleOf(widget)}`, fields: [`${placeWords(from)} → ${placeWords(to)}`] },
  ];
}

interface Pair {
  old: RawWidget;
  widget: RawWidget;
}

/** A layout that somebody began or gave up is told as a whole. */
function layoutDifferences(before: Content, after: Content, kept: readonly Pair[]): Difference[] {
  const told = (on: Narrower): Difference[] => {
    const [was, is] = [isArranged(before.widgets, on), isArranged(after.widgets, on)];
    if (was && is) return kept.flatMap(({ old, widget }) => moveOf(old, widget, on));
    if (is) return [{ what: `arranged for ${on} screens`, fields: placesWords(after, on) }];
    return was ? [{ what: `follows the wide layout on ${on} screens`, fields: [] }] : [];
  };
  return NARROWER.flatMap(told);
}

function placesWords({ widgets }: Content, on: Narrower): string[] {
  return widgets.flatMap((widget) => {
    const at = ownPlace(widget, on);
    return at ? [`${titleOf(widget)}: ${placeWords(at)}`] : [];
  });
}

function widgetDifferences(before: Content, after: Content): Difference[] {
  const was = new Map(before.widgets.map((widget) => [widget.id, widget]));
  const is = new Set(after.widgets.map(({ id }) => id));
  const kept = after.widgets.flatMap((widget) => {
    const old = was.get(widget.id);
    return old ? [{ old, widget }] : [];
  });
  const plain = (verb: string, widgets: readonly RawWidget[]): Difference[] =>
    widgets.map((widget) => ({ what: `${verb} ${titleOf(widget)}`, fields: [] }));
  return [
    ...plain(
      'added',
      after.widgets.filter(({ id }) => !was.has(id)),
    ),
    ...plain(
      'removed',
      before.widgets.filter(({ id }) => !is.has(id)),
    ),
    ...kept.flatMap(({ old, widget }) => changeOf(old, widget)),
    ...kept.flatMap(({ old, widget }) => moveOf(old, widget, 'wide')),
    ...layoutDifferences(before, after, kept),
  ];
}

function detailDifferences(before: Content, after: Content): Difference[] {
  const found: Difference[] = [];
  if (before.name !== after.name)
    found.push({ what: `renamed to “${after.name}”`, fields: [`it was “${before.name}”`] });
  if (before.description !== after.description) {
    const fields = [`${said(before.description)} → ${said(after.description)}`];
    found.push({ what: 'changed the description', fields });
  }
  if (before.is_public !== after.is_public)
    found.push({ what: after.is_public ? 'shared with all' : 'made private', fields: [] });
  if (before.refresh_interval !== after.refresh_interval) {
    const fields = [`${said(before.refresh_interval)} → ${said(after.refresh_interval)}`];
    found.push({ what: 'changed the updates', fields });
  }
  const filters = fieldWords(before.filters, after.filters, '');
  if (filters.length > 0) found.push({ what: 'changed the filters', fields: filters });
  return found;
}

/** What a change did, one after the other; nothing where it did nothing. */
export function differences(before: Content, after: Content): Difference[] {
  return [...detailDifferences(before, after), ...widgetDifferences(before, after)];
}

const VERB = /^(added|removed|changed|moved(?: on (?:medium|small) screens)?) (“.*)$/s;

/** The same in a few words: those with the same verb together, `added “CPU”, “Disk”`. */
export function shortWords(found: readonly Difference[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { what } of found) {
    const [, verb = what, object = ''] = VERB.exec(what) ?? [];
    groups.set(verb, [...(groups.get(verb) ?? []), object]);
  }
  return [...groups].map(([verb, objects]) =>
    objects.some(Boolean) ? `${verb} ${objects.join(', ')}` : verb,
  );
}
