import { same, type Content } from './content';
import type { RawWidget } from './document';

function named(widgets: readonly RawWidget[]): string {
  return widgets.map(({ id, title }) => `“${title?.trim() ? title : id}”`).join(', ');
}

function face({ type, title, config }: RawWidget): unknown {
  return { type, title: title ?? null, config };
}

function widgetWords(before: Content, after: Content): string[] {
  const was = new Map(before.widgets.map((widget) => [widget.id, widget]));
  const is = new Set(after.widgets.map(({ id }) => id));
  const kept = after.widgets.flatMap((widget) => {
    const old = was.get(widget.id);
    return old ? [{ old, widget }] : [];
  });
  const changed = kept.filter(({ old, widget }) => !same(face(old), face(widget)));
  const moved = kept.filter(({ old, widget }) => !same(old.position, widget.position));
  const groups: [string, RawWidget[]][] = [
    ['added', after.widgets.filter(({ id }) => !was.has(id))],
    ['removed', before.widgets.filter(({ id }) => !is.has(id))],
    ['changed', changed.map(({ widget }) => widget)],
    ['moved', moved.map(({ widget }) => widget)],
  ];
  return groups
    .filter(([, widgets]) => widgets.length > 0)
    .map(([verb, widgets]) => `${verb} ${named(widgets)}`);
}

function detailWords(before: Content, after: Content): string[] {
  const words: string[] = [];
  if (before.name !== after.name) words.push(`renamed to “${after.name}”`);
  if (before.description !== after.description) words.push('changed the description');
  if (before.is_public !== after.is_public)
    words.push(after.is_public ? 'shared with all' : 'made private');
  if (before.refresh_interval !== after.refresh_interval) words.push('changed the updates');
  if (!same(before.filters, after.filters)) words.push('changed the filters');
  return words;
}

/** In words, what a change did: `added “CPU”`, `renamed to “Shop”`; none where it did nothing. */
export function differences(before: Content, after: Content): string[] {
  return [...detailWords(before, after), ...widgetWords(before, after)];
}
