import type { Filters } from './content';

const PREFIX = 'f.';

/** The filters that an address tells, in place of a dashboard's own: a tag without a value is free. */
export function readFilters(params: URLSearchParams): Filters {
  const told: Filters = {};
  for (const [name, value] of params) {
    if (!name.startsWith(PREFIX)) continue;
    const values = (told[name.slice(PREFIX.length)] ??= []);
    if (value !== '') values.push(value);
  }
  return told;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value));
}

/** The address's parameters with the filters that are looked at, as far as they are not the dashboard's. */
export function writeFilters(
  shown: Filters,
  own: Filters,
  around: URLSearchParams,
): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, value] of around) if (!name.startsWith(PREFIX)) params.append(name, value);
  for (const tag of new Set([...Object.keys(own), ...Object.keys(shown)])) {
    const values = shown[tag] ?? [];
    if (isSame(values, own[tag] ?? [])) continue;
    if (values.length === 0) params.append(PREFIX + tag, '');
    for (const value of values) params.append(PREFIX + tag, value);
  }
  return params;
}

/** The filters that hold: the dashboard's own, but for the tags that the address tells of. */
export function shownFilters(own: Filters, told: Filters): Filters {
  const all = Object.entries({ ...own, ...told });
  return Object.fromEntries(all.filter(([, values]) => values.length > 0));
}
