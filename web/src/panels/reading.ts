import type { Feed } from '../live/feed.svelte';
import { reading, settledEnd, shareReading, type Reading } from '../series/reduce';
import type { WidgetConfig } from './widget';

type Reduction = Pick<WidgetConfig, 'reduce' | 'overMs' | 'perMs' | 'share' | 'zeroFill'>;
type Source = Pick<Feed, 'table' | 'bucketMs' | 'spanMs'>;

/** The one number that a widget makes of its queries, and the same a while before. */
export function readingOf(config: Reduction, feeds: readonly Source[], now: number): Reading {
  const [feed, other] = feeds;
  if (!feed) return { value: null, before: null, overMs: 0 };
  const overMs = Math.max(config.overMs ?? feed.spanMs, feed.bucketMs);
  const end = config.perMs === null ? now : settledEnd(feed.table, feed.bucketMs, now);
  const how = { how: config.reduce, zeroFill: config.zeroFill };
  const part = reading(feed.table, how, overMs, end);
  if (config.share && other) return shareReading(part, reading(other.table, how, overMs, end));
  const by = config.perMs === null ? 1 : overMs / config.perMs;
  const divided = (value: number | null): number | null => (value === null ? null : value / by);
  return { ...part, value: divided(part.value), before: divided(part.before) };
}
