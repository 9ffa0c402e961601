import type { LiveClient } from './client.svelte';
import { isPoint, type CatalogueEntry, type DataFrame } from './protocol';

/** Every metric that the server knows, as it learns of them. */
export class Catalogue {
  entries = $state.raw<readonly CatalogueEntry[]>([]);
  loaded = $state(false);

  follow(live: LiveClient): () => void {
    return live.watch(
      'catalogue',
      { catalogue: true, interval: 'live' },
      {
        data: (frame) => {
          this.#accept(frame);
        },
        problem: () => undefined,
      },
    );
  }

  find(name: string): CatalogueEntry | undefined {
    return this.entries.find((entry) => entry.name === name);
  }

  #accept(frame: DataFrame): void {
    const known = frame.type === 'snapshot' ? [] : this.entries;
    const byName = new Map(known.map((entry) => [entry.name, entry]));
    for (const row of frame.data) if (!isPoint(row)) byName.set(row.name, row);
    this.entries = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.loaded = true;
  }
}
