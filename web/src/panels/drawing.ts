import { nearestRow, nearestValue } from '../chart/nearest';
import type { GlowAt, SeriesStyle } from '../chart/time-chart';
import type { Feed } from '../live/feed.svelte';
import type { Query } from '../live/protocol';
import type { Palette } from '../series/palette';
import { tagsLabel, type Tags } from '../series/point';
import { rolling } from '../series/rolling';
import { shape, type Shape } from '../series/shape';
import { shareOf } from '../series/share';
import { HISTOGRAM } from '../series/sizes';
import type { SeriesTable } from '../series/table';
import { SERIES_COLOURS } from '../series/palette';
import type { LabelledQuery, WidgetConfig } from './widget';

/** One line of a chart: where it comes from, and how it looks. */
export interface DrawnSeries extends SeriesStyle {
  key: string;
  latest: number | null;
  /** What was asked, and which of the answers it is. */
  query: Query;
  tags: Tags;
}

export interface Drawing {
  shape: Shape;
  series: DrawnSeries[];
}

/** What is drawn of a feed. */
type Source = Pick<Feed, 'table' | 'bucketMs'>;

interface Layer {
  query: LabelledQuery;
  table: SeriesTable;
  bucketMs: number;
}

/** One layer for each query, or the share that the first one's counts are of the second's. */
function layersOf(config: WidgetConfig, feeds: readonly Source[]): Layer[] {
  const layers = config.queries.flatMap((query, i) => {
    const feed = feeds[i];
    return feed ? [{ query, table: feed.table, bucketMs: feed.bucketMs }] : [];
  });
  const [part, whole] = layers;
  if (!config.share || !part || !whole) return layers;
  return [{ ...part, table: shareOf(part.table, whole.table) }];
}

/** Sums and counts of a bucket that is still filling would dip at the edge. */
function countsUp({ query }: LabelledQuery): boolean {
  return ['sum', 'count', HISTOGRAM].includes(query.aggregation);
}

/** Whether a drawing changes as buckets close, though no point comes. */
export function closesByClock({ queries }: WidgetConfig): boolean {
  return queries.some(countsUp);
}

function divide(drawn: Shape, by: number): Shape {
  const columns = drawn.columns.map((column) => ({
    ...column,
    values: column.values.map((value) => (typeof value === 'number' ? value / by : value)),
  }));
  return { times: drawn.times, columns };
}

function latest(values: readonly (number | null | undefined)[]): number | null {
  return values.findLast((value) => typeof value === 'number') ?? null;
}

function shapeOf(
  { query, table, bucketMs }: Layer,
  config: WidgetConfig,
  now: number,
  beside: readonly number[],
): Shape {
  const drawn = shape(table, {
    bucketMs,
    // Nothing of nothing is no share.
    zeroFill: config.zeroFill && !config.share,
    completeBefore: countsUp(query) ? now : null,
    beside,
  });
  if (config.rollingMs !== null)
    return rolling(drawn, Math.round(config.rollingMs / bucketMs) || 1);
  return config.perMs === null ? drawn : divide(drawn, bucketMs / config.perMs);
}

/** The columns of several shapes over the times of all of them. */
export function joined(shapes: readonly Shape[]): Shape {
  const [only] = shapes;
  if (only && shapes.length === 1) return only;
  const times = [...new Set(shapes.flatMap((one) => one.times))].sort((a, b) => a - b);
  const rows = new Map(times.map((time, row) => [time, row]));
  const columns = shapes.flatMap((one) =>
    one.columns.map((column) => {
      const values = new Array<number | null | undefined>(times.length).fill(undefined);
      const row = (i: number): number => rows.get(one.times[i] ?? 0) ?? 0;
      column.values.forEach((value, i) => (values[row(i)] = value));
      return { key: column.key, values, lonely: column.lonely.map(row) };
    }),
  );
  return { times, columns };
}

function stylesOf(
  layer: Layer,
  index: number,
  drawn: Shape,
  first: number,
): Omit<DrawnSeries, 'hidden'>[] {
  const tags = new Map(layer.table.columns.map((column) => [column.key, column.tags]));
  return drawn.columns.map(({ key, values }, i) => ({
    key: `${String(index)}${key}`,
    label: tagsLabel(tags.get(key) ?? {}, layer.query.label),
    query: layer.query.query,
    tags: tags.get(key) ?? {},
    slot: (first + i) % SERIES_COLOURS,
    latest: latest(values),
  }));
}

/** Puts the data of a widget's feeds together as one drawing, series in the order of their names. */
export function draw(
  config: WidgetConfig,
  feeds: readonly Source[],
  palette: Palette,
  hidden: Pick<ReadonlySet<string>, 'has'>,
  now: number,
): Drawing {
  const layers = layersOf(config, feeds);
  const times = layers.length > 1 ? layers.flatMap(({ table }) => [...table.times]) : [];
  const shapes = layers.map((layer) => byName(shapeOf(layer, config, now, times), layer));
  // Several questions about one metric are told apart by the colours that follow its own.
  const taken = new Map<string, number>();
  const series = layers.flatMap((layer, i) => {
    const drawn = shapes[i] as Shape;
    const metric = layer.query.query.metric_name;
    const slot = palette.slot(metric) + (taken.get(metric) ?? 0);
    taken.set(metric, (taken.get(metric) ?? 0) + drawn.columns.length);
    return stylesOf(layer, i, drawn, slot);
  });
  return {
    shape: joined(shapes),
    series: series.map((one) => ({ ...one, hidden: hidden.has(one.key) })),
  };
}

function byName(drawn: Shape, { table, query }: Layer): Shape {
  const tags = new Map(table.columns.map((column) => [column.key, column.tags]));
  const name = (key: string): string => tagsLabel(tags.get(key) ?? {}, query.label);
  const columns = [...drawn.columns].sort((a, b) =>
    name(a.key).localeCompare(name(b.key), undefined, { numeric: true }),
  );
  return { times: drawn.times, columns };
}

/** What the series of a drawing are at a moment; null where they say nothing near it. */
export function valuesAt({ shape }: Drawing, time: number, reachMs: number): (number | null)[] {
  const row = nearestRow(shape.times, time);
  return shape.columns.map(({ values }) => {
    const at = row < 0 ? null : nearestValue(values, shape.times, row, reachMs);
    return at === null ? null : (values[at] ?? null);
  });
}

/** The revised points that glow now, by their series in the drawing. */
export function glowing(feeds: readonly Feed[], series: readonly DrawnSeries[]): GlowAt[] {
  const now = performance.now();
  return feeds.flatMap((feed, i) =>
    feed.glowing
      .filter(({ until }) => until > now)
      .map(({ key, time }) => ({
        series: series.findIndex((one) => one.key === `${String(i)}${key}`),
        time,
      })),
  );
}
