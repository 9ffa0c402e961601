import type { Query } from '../live/protocol';
import type { Widget } from '../panels/widget';
import type { Filters } from './content';

/** The values that both allow. */
function both(own: string | string[] | undefined, values: readonly string[]): string[] {
  if (own === undefined) return [...values];
  const allowed = typeof own === 'string' ? [own] : own;
  return allowed.filter((value) => values.includes(value));
}

/** The tags of a metric; null of one that is not known. */
export type TagsOf = (metric: string) => readonly string[] | null;

function narrowQuery(query: Query, filters: Filters, tagsOf: TagsOf): Query {
  const narrowed = { ...query.filters };
  const known = tagsOf(query.metric_name);
  for (const [tag, values] of Object.entries(filters)) {
    if (known?.includes(tag) ?? true) narrowed[tag] = both(narrowed[tag], values);
  }
  return { ...query, filters: narrowed };
}

const UNKNOWN: TagsOf = () => null;

/**
 * The widgets with every query narrowed to a dashboard's filters; a tag without values is free, and
 * a metric that does not have a tag is not narrowed by it.
 */
export function narrow(
  widgets: readonly Widget[],
  filters: Filters,
  tagsOf: TagsOf = UNKNOWN,
): readonly Widget[] {
  const asked = Object.entries(filters).filter(([, values]) => values.length > 0);
  if (asked.length === 0) return widgets;
  const chosen = Object.fromEntries(asked);
  return widgets.map((widget) => {
    const queries = widget.config.queries.map(({ query, label }) => ({
      query: narrowQuery(query, chosen, tagsOf),
      label,
    }));
    return { ...widget, config: { ...widget.config, queries } };
  });
}
