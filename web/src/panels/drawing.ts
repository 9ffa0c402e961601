import type { GlowAt, SeriesStyle } from '../chart/time-chart';
import type { Feed } from '../live/feed.svelte';
import type { Palette } from '../series/palette';
import { tagsLabel } from '../series/point';
import { shape, type Shape } from '../series/shape';
import { SERIES_COLOURS } from '../series/palette';
import type { LabelledQuery, WidgetConfig } from './widget';

/** One line of a chart: where it comes from, and how it looks. */
export interface DrawnSeries extends SeriesStyle {
  key: string;
  latest: number | null;
}

export interface Drawing {
  shape: Shape;
  series: DrawnSeries[];
}

interface Layer {
  query: LabelledQuery;
  feed: Feed;
}

/** Sums and counts of a bucket that is still filling would dip at the edge. */
function countsUp({ query }: LabelledQuery): boolean {
  return query.aggregation === 'sum' || query.aggregation === 'count';
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

function shapeOf({ query, feed }: Layer, config: WidgetConfig, now: number): Shape {
  const drawn = shape(feed.table, {
    bucketMs: feed.bucketMs,
    zeroFill: config.zeroFill,
    completeBefore: countsUp(query) ? now : null,
  });
  return config.perSecond ? divide(drawn, feed.bucketMs / 1000) : drawn;
}

/** The columns of several shapes over the times of all of them. */
function joined(shapes: readonly Shape[]): Shape {
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
  const tags = new Map(layer.feed.table.columns.map((column) => [column.key, column.tags]));
  return drawn.columns.map(({ key, values }, i) => ({
    key: `${String(index)}${key}`,
    label: tagsLabel(tags.get(key) ?? {}, layer.query.label),
    slot: (first + i) % SERIES_COLOURS,
    latest: latest(values),
  }));
}

/** Puts the data of a widget's feeds together as one drawing, series in the order of their names. */
export function draw(
  config: WidgetConfig,
  feeds: readonly Feed[],
  palette: Palette,
  hidden: ReadonlySet<string>,
  now: number,
): Drawing {
  const layers = config.queries.map((query, i) => ({ query, feed: feeds[i] as Feed }));
  const shapes = layers.map((layer) => byName(shapeOf(layer, config, now), layer));
  const series = layers.flatMap((layer, i) => {
    const slot = palette.slot(layer.query.query.metric_name);
    return stylesOf(layer, i, shapes[i] as Shape, slot);
  });
  return {
    shape: joined(shapes),
    series: series.map((one) => ({ ...one, hidden: hidden.has(one.key) })),
  };
}

function byName(drawn: Shape, { feed, query }: Layer): Shape {
  const tags = new Map(feed.table.columns.map((column) => [column.key, column.tags]));
  const name = (key: string): string => tagsLabel(tags.get(key) ?? {}, query.label);
  const columns = [...drawn.columns].sort((a, b) =>
    name(a.key).localeCompare(name(b.key), undefined, { numeric: true }),
  );
  return { times: drawn.times, columns };
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
