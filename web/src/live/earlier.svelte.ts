import { runComparison } from '../api/resources';
import { SeriesTable } from '../series/table';
import { durationMs } from '../series/window';
import type { Sources } from './feed.svelte';
import type { Query } from './protocol';

/** It is asked for again this often while a span goes by, but not more often than that. */
const ASKED_IN_SPAN = 60;
const LEAST_MS = 5000;

/** The values of an earlier time, at the times of today that they belong beside. */
export class Earlier {
  readonly table = new SeriesTable();
  /** Counts changes of the table; 0 while there is nothing. */
  version = $state(0);

  /** Keeps the values of `back` before what `query` asks, until the returned function is called. */
  follow(sources: Sources, query: Query, spanMs: number, back: string): () => void {
    const { view } = sources;
    const leave = new AbortController();
    const bucketMs = durationMs(query.interval ?? '') ?? 1000;
    const everyMs = Math.max(LEAST_MS, bucketMs, spanMs / ASKED_IN_SPAN);
    const ask = (): void => {
      const now = view.now();
      // What the chart moves over until it is asked again is there already.
      const end = view.end ?? Math.ceil((now + 2 * everyMs) / bucketMs) * bucketMs;
      const start = Math.floor((now - spanMs) / bucketMs) * bucketMs;
      const compare = back === 'previous' ? `${String(Math.round(spanMs / 1000))}s` : back;
      const timezone = view.zone.name;
      const asked = { ...query, compare, timezone, time_range: { start, end } };
      this.#load(sources, asked, leave.signal);
    };
    ask();
    const timer = setInterval(() => {
      if (view.moving && !document.hidden) ask();
    }, everyMs);
    return () => {
      clearInterval(timer);
      leave.abort();
      this.version = 0;
    };
  }

  /** What cannot be compared is not worth a message: the next time may do better. */
  #load({ api }: Sources, query: Query, signal: AbortSignal): void {
    runComparison(api, query, signal).then(
      (points) => {
        this.table.clear();
        this.table.merge(points);
        this.version += 1;
      },
      () => undefined,
    );
  }
}
