import type { CatalogueEntry } from '../../live/protocol';
import { PLAIN_CONFIG, type Widget, type WidgetConfig } from '../../panels/widget';
import { unitOf } from '../../series/unit';

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

/** What one number says most about a metric of this type. */
function meaning(type: string): Pick<
  WidgetConfig,
  'reduce' | 'overMs' | 'zeroFill' | 'subtitle'
> & {
  aggregation: string;
} {
  const overMs = 300_000;
  if (type === 'counter' || type === 'cumulative')
    return { aggregation: 'sum', reduce: 'sum', overMs, zeroFill: true, subtitle: 'sum of 5 min' };
  if (type === 'distribution')
    return {
      aggregation: 'avg',
      reduce: 'avg',
      overMs,
      zeroFill: false,
      subtitle: 'mean of 5 min',
    };
  return { aggregation: 'last', reduce: 'last', overMs, zeroFill: false, subtitle: 'latest' };
}

/** A card for a metric that nobody has arranged yet. */
export function cardFor(entry: CatalogueEntry): Widget {
  const { aggregation, ...shown } = meaning(entry.type);
  const look = shown.reduce === 'sum' ? '10m' : '5m';
  const query = { metric_name: entry.name, aggregation, time_range: { last: look } };
  return {
    id: `metric:${entry.name}`,
    type: 'metric',
    title: entry.name,
    position: { x: 0, y: 0, w: 3, h: 2 },
    config: {
      ...PLAIN_CONFIG,
      ...shown,
      unit: unitOf(entry.name, entry.unit),
      queries: [{ query, label: entry.name }],
    },
  };
}

/** Makes each metric's card once, so that news of one metric does not start the others anew. */
export class CardDeck {
  readonly #cards = new Map<string, Widget>();

  of(entry: CatalogueEntry): Widget {
    const key = JSON.stringify([entry.name, entry.type, entry.unit]);
    const card = this.#cards.get(key) ?? cardFor(entry);
    this.#cards.set(key, card);
    return card;
  }
}

/** A command that sends one point, ready to run. */
export function curl(origin: string, key: string): string {
  return [
    `curl ${origin}/api/v1/ingest/metrics \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"metrics": [{"name": "coffee.cups", "value": 3}]}'`,
  ].join('\n');
}
