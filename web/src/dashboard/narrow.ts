import type { Query } from '../live/protocol';
import type { Widget } from '../panels/widget';
import type { Filters } from './content';

/** The values that both allow. */
function both(own: string | string[] | undefined, values: readonly string[]): string[] {
  if (own === undefined) return [...values];
  const allowed = typeof own === 'string' ? [own] : own;
  return allowed.filter((value) => values.includes(value));
}

function narrowQuery(query: Query, filters: Filters): Query {
  const narrowed = { ...query.filters };
  for (const [tag, values] of Object.entries(filters)) narrowed[tag] = both(narrowed[tag], values);
  return { ...query, filters: narrowed };
}

/** The widgets with every query narrowed to a dashboard's filters; a tag without values is free. */
export function narrow(widgets: readonly Widget[], filters: Filters): readonly Widget[] {
  const asked = Object.entries(filters).filter(([, values]) => values.length > 0);
  if (asked.length === 0) return widgets;
  const chosen = Object.fromEntries(asked);
  return widgets.map((widget) => {
    const queries = widget.config.queries.map(({ query, label }) => ({
      query: narrowQuery(query, chosen),
      label,
    }));
    return { ...widget, config: { ...widget.config, queries } };
  });
}
