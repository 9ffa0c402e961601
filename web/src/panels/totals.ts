import { SERIES_COLOURS } from '../series/palette';
import { count } from '../series/unit';
import type { DrawnSeries, Drawing } from './drawing';
import type { WidgetConfig } from './widget';

/** One series as one number. */
export interface Total {
  key: string;
  label: string;
  slot: number;
  value: number | null;
  /** What was asked, and which of the answers it is; not there of several that are one. */
  of?: Pick<DrawnSeries, 'query' | 'tags'>;
}

export interface Over {
  bucketMs: number;
  spanMs: number;
  /** The right edge, epoch ms. */
  now: number;
}

type Reduction = Pick<WidgetConfig, 'reduce' | 'overMs' | 'perMs'>;

function reduced(values: readonly number[], config: Reduction, { bucketMs, spanMs }: Over): number {
  const sum = values.reduce((all, value) => all + value, 0);
  if (config.reduce === 'avg') return sum / values.length;
  // What is shown per second or minute does not add up: the sum of a span is its rate.
  return config.perMs === null ? sum : (sum * bucketMs) / (config.overMs ?? spanMs);
}

/** Each series of a drawing as the one number that the widget makes of it. */
export function totals({ shape, series }: Drawing, config: Reduction, over: Over): Total[] {
  const from = over.now - (config.overMs ?? over.spanMs);
  return series.map(({ key, label, slot, latest, query, tags }, i) => {
    const of = { query, tags };
    if (config.reduce === 'last') return { key, label, slot, value: latest, of };
    const values = (shape.columns[i]?.values ?? []).filter(
      (value, row): value is number => typeof value === 'number' && (shape.times[row] ?? 0) >= from,
    );
    const value = values.length === 0 ? null : reduced(values, config, over);
    return { key, label, slot, value, of };
  });
}

/** The largest first; those without a value at the end. */
export function byValue(all: readonly Total[]): Total[] {
  return [...all].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
}

export interface Slice extends Total {
  value: number;
  /** Of the whole, 0 to 1. */
  share: number;
}

/** The slot of what is none of the series. */
export const OTHER_SLOT = -1;

/** Gives each slice a colour of its own: that of its series where no larger one has it. */
function coloured(parts: readonly Total[]): Total[] {
  const taken = new Set<number>();
  const inOrder = [...parts].sort((a, b) => (a.key < b.key ? -1 : 1));
  const slots = new Map<string, number>();
  for (const { key, slot } of inOrder) {
    const free = Array.from({ length: SERIES_COLOURS }, (_, i) => (slot + i) % SERIES_COLOURS);
    const own = free.find((one) => !taken.has(one)) ?? slot;
    taken.add(own);
    slots.set(key, own);
  }
  return parts.map((part) => ({ ...part, slot: slots.get(part.key) ?? part.slot }));
}

/** The parts of a whole, the largest first; those past the first `most` are one: "other". */
export function slices(all: readonly Total[], most = SERIES_COLOURS): Slice[] {
  const parts = byValue(all).filter(({ value }) => (value ?? 0) > 0);
  const whole = parts.reduce((sum, { value }) => sum + (value ?? 0), 0);
  const rest = parts.slice(most);
  const other = rest.reduce((sum, { value }) => sum + (value ?? 0), 0);
  const named = coloured(parts.slice(0, most));
  const label = `other (${count(rest.length)})`;
  const shown = rest.length
    ? [...named, { key: 'other', label, slot: OTHER_SLOT, value: other }]
    : named;
  return shown.map((part) => ({
    ...part,
    value: part.value ?? 0,
    share: (part.value ?? 0) / whole,
  }));
}
