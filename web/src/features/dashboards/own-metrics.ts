import type { CatalogueEntry } from '../../live/protocol';

/** Metrics that have a dashboard of their own: those of events and tasks among them. */
const BUILT_IN =
  /^(host|nowline|shop)\.|^(activity\.active_users|events|api\.(calls|errors|duration)|task\.(count|duration|cpu|memory))$/;

export function isOwn({ name }: CatalogueEntry): boolean {
  return !BUILT_IN.test(name);
}

/** The newest metrics first, so that what was just sent is what is seen. */
export function ownMetrics(entries: readonly CatalogueEntry[]): CatalogueEntry[] {
  return entries.filter(isOwn).sort((a, b) => (a.first_seen < b.first_seen ? 1 : -1));
}
