import { explain, type Api } from '../api/client';
import { runQuery } from '../api/resources';
import { SeriesTable, type Revision } from '../series/table';
import { DEFAULT_RANGE, durationMs, longer, RANGES, type Range } from '../series/window';
import type { LiveClient } from './client.svelte';
import { Latency } from './latency';
import { isPoint, type DataFrame, type Query } from './protocol';
import type { View } from './view.svelte';

/** What a feed needs of the page around it. */
export interface Sources {
  api: Api;
  live: LiveClient;
  view: View;
}

/** How long a revised point glows. */
const GLOW_MS = 1000;

export interface Glow extends Revision {
  until: number;
}

/** The range of a query: its own if it names one, else that of the page. */
function rangeFor(query: Query, page: Range): Range {
  const own = durationMs(query.time_range?.last ?? '');
  if (own === null) return page;
  const like = RANGES.find((range) => range.spanMs >= own) ?? DEFAULT_RANGE;
  return { ...like, spanMs: own };
}

function lookBack(range: Range): string {
  return `${String(Math.round(range.spanMs / 1000))}s`;
}

/** A query with the span of time and the buckets that a feed shows of it, to be asked once. */
export function askedOnce(query: Query, view: View): object {
  const range = rangeFor(query, view.range);
  const interval = longer(query.interval ?? '1s', range.bucket);
  const { end } = view;
  const time_range = end === null ? { last: lookBack(range) } : { start: end - range.spanMs, end };
  return { ...query, interval, time_range };
}

/** The data of one query, kept up to date over the live connection or loaded from the past. */
export class Feed {
  readonly table = new SeriesTable();
  /** Counts changes of the table. */
  version = $state(0);
  loaded = $state(false);
  failure = $state<string | null>(null);
  /** When the newest row reached the server, epoch ms. */
  newestAt = $state<number | null>(null);
  /** Whether the server shows what its store has, for want of anything newer. */
  degraded = $state(false);
  bucketMs = $state(1000);
  spanMs = $state(DEFAULT_RANGE.spanMs);
  /** From an event's arrival at the server to its pixels here, the middle of the last updates, ms. */
  latencyMs = $state<number | null>(null);
  /** How often news may be expected at most. */
  intervalMs = $state(1000);
  glowing: Glow[] = [];

  /** Follows `query` as the page's view says until the returned function is called. */
  follow({ api, live, view }: Sources, name: string, query: Query): () => void {
    const range = rangeFor(query, view.range);
    const bucket = longer(query.interval ?? '1s', range.bucket);
    const interval = view.interval(range);
    const bucketMs = durationMs(bucket) ?? 1000;
    this.bucketMs = bucketMs;
    this.spanMs = range.spanMs;
    this.intervalMs = Math.max(durationMs(interval) ?? 0, bucketMs);
    this.failure = null;
    this.latencyMs = null;
    this.degraded = false;
    if (view.end !== null) return this.#load(api, { ...query, interval: bucket }, view.end);
    const latency = new Latency(
      () => live.serverNow(),
      (medianMs) => (this.latencyMs = medianMs),
    );
    const asked = { ...query, interval: bucket, time_range: { last: lookBack(range) } };
    return live.watch(
      name,
      { query: asked, interval },
      {
        data: (frame, held) => {
          this.#accept(frame, view.now());
          const isUpdate = frame.type === 'metrics_update' && !held;
          if (isUpdate && frame.newest_at) latency.arrived(Date.parse(frame.newest_at));
        },
        problem: ({ detail }) => {
          this.#fail(detail);
        },
      },
    );
  }

  #accept(frame: DataFrame, now: number): void {
    const points = frame.data.filter(isPoint);
    if (frame.type === 'snapshot') this.table.clear();
    const revised = this.table.merge(points);
    this.table.trim(now - this.spanMs - this.bucketMs);
    if (frame.type !== 'snapshot') this.#glow(revised);
    this.degraded = frame.degraded === true;
    if (frame.newest_at) this.newestAt = Date.parse(frame.newest_at);
    else if (frame.type === 'snapshot') this.newestAt = this.table.newest;
    this.#changed();
  }

  /** Only what had already closed counts as revised: the newest buckets are still filling. */
  #glow(revised: readonly Revision[]): void {
    const closed = (this.table.newest ?? 0) - 2 * this.bucketMs;
    const until = performance.now() + GLOW_MS;
    const fresh = revised.filter(({ time }) => time < closed).map((one) => ({ ...one, until }));
    this.glowing = [...this.glowing.filter((one) => one.until > performance.now()), ...fresh];
  }

  #load(api: Api, query: Query, end: number): () => void {
    let wanted = true;
    const time_range = { start: end - this.spanMs, end };
    runQuery(api, { ...query, time_range }).then(
      (rows) => {
        if (!wanted) return;
        this.table.clear();
        this.table.merge(rows);
        this.newestAt = this.table.newest;
        this.#changed();
      },
      (error: unknown) => {
        if (wanted) this.#fail(explain(error));
      },
    );
    return () => {
      wanted = false;
    };
  }

  #changed(): void {
    this.loaded = true;
    this.failure = null;
    this.version += 1;
  }

  #fail(detail: string): void {
    this.loaded = true;
    this.failure = detail;
  }
}
