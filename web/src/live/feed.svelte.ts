import { explain } from '../api/client';
import type { Caller } from '../api/requests';
import { runQuery } from '../api/resources';
import type { Point } from '../series/point';
import { HISTOGRAM } from '../series/sizes';
import { SeriesTable, type Revision } from '../series/table';
import { SHORTEST_MS } from '../series/time';
import {
  bucketFor,
  DAY_MS,
  DEFAULT_RANGE,
  durationMs,
  longer,
  rangeOver,
  RANGES,
  type Range,
} from '../series/window';
import type { Earlier } from './earlier.svelte';
import type { LiveClient } from './client.svelte';
import { Latency } from './latency';
import { isPoint, type DataFrame, type Query } from './protocol';
import type { Turns } from './turns';
import type { View } from './view.svelte';

/** What a feed needs of the page around it. */
export interface Sources {
  api: Caller;
  live: LiveClient;
  view: View;
  turns: Turns;
}

/** How long a revised point glows. */
const GLOW_MS = 1000;

export interface Glow extends Revision {
  until: number;
}

/** What a widget says of how its queries are asked. */
export interface Asking {
  /** How often at most; null for as often as the page. */
  refresh: string | null;
  /** Whether a window that the page looks at goes before a query's own span. */
  zooms: boolean;
  /** Whether points may be left out as long as the shape stays. */
  thins: boolean;
  /** What it is compared with, such as `1d`; null for what the page is. */
  compare: string | null;
  /** Whether it shows a comparison. */
  compares: boolean;
}

export const PLAINLY: Asking = {
  refresh: null,
  zooms: false,
  thins: false,
  compare: null,
  compares: false,
};

/** What a query is asked for at a moment. */
interface Plan {
  range: Range;
  /** Where it begins, if it grows. */
  since: number | null;
  end: number | null;
  query: Query;
}

/** A window is read this finely where only its shape matters: the server leaves the rest out. */
const FINEST_BUCKETS = 100_000;
const MOST_POINTS = 1000;
const MOST_CELLS = 90;

/** The range of a query: its own if it names one, else that of the page. */
function rangeFor(query: Query, view: View, { zooms }: Asking): Range {
  const own = durationMs(query.time_range?.last ?? '');
  if (own === null || (zooms && view.time.kind === 'window')) return view.range;
  const like = RANGES.find((range) => range.spanMs >= own);
  return like ? { ...like, spanMs: own } : rangeOver(own);
}

/** Counts by size are cells, which are to be told apart, not only seen. */
function widthOf({ aggregation }: Query, { bucket, spanMs }: Range): string {
  return aggregation === HISTOGRAM ? longer(bucket, bucketFor(spanMs, MOST_CELLS)) : bucket;
}

function planFor(query: Query, view: View, asking: Asking): Plan {
  const range = rangeFor(query, view, asking);
  const { end } = view;
  const thins = asking.thins && end !== null && !query.group_by?.length;
  const width = thins ? bucketFor(range.spanMs, FINEST_BUCKETS) : widthOf(query, range);
  const interval = longer(query.interval ?? '1s', width);
  const isOfDays = (durationMs(interval) ?? 0) % DAY_MS === 0;
  return {
    range,
    since: range === view.range ? view.since : null,
    end,
    query: {
      ...query,
      interval,
      ...(thins ? { max_points: MOST_POINTS } : {}),
      ...(isOfDays ? { timezone: view.zone.name } : {}),
    },
  };
}

/** A window that is drawn has whole buckets at its edges, so that its line does not dip there. */
function whole(start: number, end: number, bucketMs: number): Query['time_range'] {
  if (bucketMs >= DAY_MS) return { start, end };
  const edge = (at: number, round: (n: number) => number): number =>
    round(at / bucketMs) * bucketMs;
  return { start: edge(start, Math.floor), end: edge(end, Math.ceil) };
}

function timeRange({ range, since, end, query }: Plan, zooms: boolean): Query['time_range'] {
  if (end !== null) {
    const bucketMs = zooms ? (durationMs(query.interval ?? '') ?? 1) : 1;
    return whole(end - range.spanMs, end, bucketMs);
  }
  return since === null ? { last: `${String(range.spanMs / 1000)}s` } : { start: since };
}

/** A query with the span of time and the buckets that a feed shows of it, to be asked once. */
export function askedOnce(query: Query, view: View, asking = PLAINLY): Query {
  const plan = planFor(query, view, { ...asking, thins: false });
  return { ...plan.query, time_range: timeRange(plan, false) };
}

/** A frame that waits to be shown, and when its newest row reached the server, if it is an update. */
interface Arrived {
  frame: DataFrame;
  eventMs: number | null;
}

function eventMsOf({ type, newest_at }: DataFrame): number | null {
  return type === 'metrics_update' && newest_at ? Date.parse(newest_at) : null;
}

/** Points by time: a table takes what comes at its end without moving anything. */
function inOrder(points: readonly Point[]): Point[] {
  return [...points].sort((a, b) =>
    a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0,
  );
}

/** The data of one query, kept up to date over the live connection or loaded from the past. */
export class Feed {
  readonly table = new SeriesTable();
  /** The same a while before; null where nothing is compared. */
  earlier = $state.raw<Earlier | null>(null);
  /** Counts changes of the table. */
  version = $state(0);
  loaded = $state(false);
  failure = $state<string | null>(null);
  /** When the newest row reached the server, epoch ms. */
  newestAt = $state<number | null>(null);
  /** Whether the server shows what its store has, for want of anything newer. */
  degraded = $state(false);
  bucketMs = $state(1000);
  /** Whether another span of time was asked for, and what is here is not of it. */
  waiting = $state(false);
  /** From an event's arrival at the server to its pixels here, the middle of the last updates, ms. */
  latencyMs = $state<number | null>(null);
  /** How often news may be expected at most. */
  intervalMs = $state(1000);
  glowing: Glow[] = [];

  #view: View | null = null;
  #spanMs = $state(DEFAULT_RANGE.spanMs);
  /** Where the span begins, if it grows. */
  #since = $state<number | null>(null);

  /** How much is shown; of what began at a moment, all since then. */
  get spanMs(): number {
    if (this.#since === null || !this.#view) return this.#spanMs;
    return Math.max(SHORTEST_MS, this.#view.tick - this.#since);
  }

  /** Keeps what the query is compared with as the page's view says until the returned function is called. */
  compare(sources: Sources, query: Query, asking: Asking): () => void {
    const back = asking.compares ? (asking.compare ?? sources.view.compare) : null;
    if (back === null) return () => undefined;
    const plan = planFor(query, sources.view, { ...asking, thins: false });
    const { spanMs } = plan.since === null ? plan.range : sources.view;
    let stop: (() => void) | null = null;
    let wanted = true;
    import('./earlier.svelte').then(
      ({ Earlier }) => {
        if (!wanted) return;
        this.earlier = new Earlier();
        stop = this.earlier.follow(sources, plan.query, spanMs, back);
      },
      // The server is away: there is nothing to compare with either.
      () => undefined,
    );
    return () => {
      wanted = false;
      stop?.();
      this.earlier = null;
    };
  }

  /** Follows `query` as the page's view says until the returned function is called. */
  follow(sources: Sources, name: string, query: Query, asking = PLAINLY): () => void {
    const { view } = sources;
    const plan = planFor(query, view, asking);
    const interval = view.interval(plan.range, asking.refresh);
    const bucketMs = durationMs(plan.query.interval ?? '') ?? 1000;
    this.#view = view;
    this.#spanMs = plan.range.spanMs;
    this.#since = plan.since;
    this.intervalMs = Math.max(durationMs(interval) ?? 0, bucketMs);
    this.failure = null;
    this.latencyMs = null;
    this.degraded = false;
    this.waiting = true;
    const asked = { ...plan.query, time_range: timeRange(plan, asking.zooms) };
    if (plan.end !== null) return this.#load(sources.api, asked, bucketMs);
    return this.#watch(sources, name, { query: asked, interval }, bucketMs);
  }

  #watch(
    { live, view, turns }: Sources,
    name: string,
    wanted: { query: Query; interval: string },
    bucketMs: number,
  ): () => void {
    const latency = new Latency(
      () => live.serverNow(),
      (medianMs) => (this.latencyMs = medianMs),
    );
    let arrived: Arrived[] = [];
    const show = (): void => {
      const came = arrived;
      arrived = [];
      for (const { frame } of came) this.#accept(frame, view.now(), bucketMs);
      const eventMs = came.findLast((one) => one.eventMs !== null)?.eventMs ?? null;
      if (eventMs !== null) latency.arrived(eventMs);
    };
    const stop = live.watch(name, wanted, {
      data: (frame, held) => {
        arrived.push({ frame, eventMs: held ? null : eventMsOf(frame) });
        turns.soon(show);
      },
      problem: ({ detail }) => {
        this.#fail(detail);
      },
    });
    return () => {
      turns.drop(show);
      stop();
    };
  }

  #accept(frame: DataFrame, now: number, bucketMs: number): void {
    const points = frame.data.filter(isPoint);
    this.bucketMs = bucketMs;
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

  #load(api: Caller, query: Query, bucketMs: number): () => void {
    const leave = new AbortController();
    runQuery(api, query, leave.signal).then(
      (rows) => {
        this.bucketMs = bucketMs;
        this.table.clear();
        this.table.merge(inOrder(rows));
        this.newestAt = this.table.newest;
        this.glowing = [];
        this.#changed();
      },
      (error: unknown) => {
        if (!leave.signal.aborted) this.#fail(explain(error));
      },
    );
    return () => {
      leave.abort();
    };
  }

  #changed(): void {
    this.loaded = true;
    this.waiting = false;
    this.failure = null;
    this.version += 1;
  }

  #fail(detail: string): void {
    this.loaded = true;
    this.waiting = false;
    this.failure = detail;
  }
}
