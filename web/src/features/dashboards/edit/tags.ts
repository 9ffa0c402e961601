import type { CatalogueEntry } from '../../../api/resources';

/** A tag with the metrics that have it. */
export interface Tagged {
  key: string;
  metrics: string[];
}

/** The tags of all metrics, by name. */
export function tagsOf(entries: readonly CatalogueEntry[]): Tagged[] {
  const metrics: Record<string, string[]> = {};
  for (const { name, tags } of entries) for (const key of tags) (metrics[key] ??= []).push(name);
  return Object.entries(metrics)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, names]) => ({ key, metrics: names }));
}
