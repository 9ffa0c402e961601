import type { CatalogueEntry, Query } from '../../live/protocol';
import { PLAIN_CONFIG, type Widget, type WidgetConfig } from '../../panels/widget';
import { unitOf } from '../../series/unit';

/** How one number says most about a metric of this type. */
function meaning(type: string): Pick<WidgetConfig, 'reduce' | 'overMs' | 'zeroFill' | 'subtitle'> {
  const overMs = 300_000;
  if (type === 'counter' || type === 'cumulative')
    return { reduce: 'sum', overMs, zeroFill: true, subtitle: 'sum of 5 min' };
  if (type === 'distribution')
    return {
      reduce: 'avg',
      overMs,
      zeroFill: false,
      subtitle: 'mean of 5 min',
    };
  return { reduce: 'last', overMs, zeroFill: false, subtitle: 'latest' };
}

/** The question for what one number says of a metric. */
export function numberQuery(entry: CatalogueEntry): Query {
  const { reduce } = meaning(entry.type);
  const last = reduce === 'sum' ? '10m' : '5m';
  return { metric_name: entry.name, aggregation: reduce, time_range: { last } };
}

/** A card for a metric that nobody has arranged yet. */
export function cardFor(entry: CatalogueEntry): Widget {
  return {
    id: `metric:${entry.name}`,
    type: 'metric',
    title: entry.name,
    position: { x: 0, y: 0, w: 3, h: 2 },
    config: {
      ...PLAIN_CONFIG,
      ...meaning(entry.type),
      unit: unitOf(entry.name, entry.unit),
      queries: [{ query: numberQuery(entry), label: entry.name }],
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

const EXAMPLE = 'coffee.cups';

/** A command that sends one point, ready to run. */
export function curl(origin: string, key: string, metric = EXAMPLE): string {
  return [
    `curl ${origin}/api/v1/ingest/metrics \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{"metrics": [{"name": "${metric}", "value": 3}]}'`,
  ].join('\n');
}

/** The name of a metric to send as an example that is none of these. */
export function exampleName(known: ReadonlySet<string>): string {
  let name = EXAMPLE;
  for (let number = 2; known.has(name); number += 1) name = `${EXAMPLE}.${String(number)}`;
  return name;
}
