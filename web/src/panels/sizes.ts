import { HISTOGRAM, sizeRows, type SizeRow } from '../series/sizes';
import { count, format, inOneText, write, type Unit } from '../series/unit';
import type { Drawing } from './drawing';
import type { WidgetConfig } from './widget';

/** Whether a widget's question counts by size. */
export function countsSizes({ queries }: WidgetConfig): boolean {
  return queries.length === 1 && queries[0]?.query.aggregation === HISTOGRAM;
}

/** Counts by size as rows of a heatmap, the greatest first. */
export interface Sizes {
  drawing: Drawing;
  /** What stands at the lower edge of each row; empty where that is no whole doubling. */
  edges: string[];
  /** By time, how many there are of all sizes. */
  totals: number[];
}

/** `20–30 ms`. */
export function sizeLabel({ from, to }: Pick<SizeRow, 'from' | 'to'>, unit: Unit): string {
  const [low, high] = [write(from, unit), write(to, unit)];
  if (from === to) return inOneText(low);
  const begin = low.unit === high.unit ? low.figure : inOneText(low);
  return `${begin}–${inOneText(high)}`;
}

/** Rows that begin where a value has doubled a whole number of times, as `1.02 ** 35` is about 2. */
function isDoubling(from: number): boolean {
  const doublings = Math.log2(Math.abs(from));
  return from === 0 || Math.abs(doublings - Math.round(doublings)) < 0.05;
}

/** The rows of a drawing of counts by size. */
export function sizesOf(drawing: Drawing, unit: Unit): Sizes {
  const { shape, series } = drawing;
  const [first] = series;
  const rows = sizeRows(
    shape,
    series.map(({ tags }) => tags),
  );
  const columns = rows.map(({ from, values }) => ({ key: String(from), values, lonely: [] }));
  const sized = rows.flatMap((row, i) => {
    const latest = row.values.findLast((value) => typeof value === 'number') ?? null;
    return first
      ? [{ ...first, key: `${String(i)}~${String(row.from)}`, label: sizeLabel(row, unit), latest }]
      : [];
  });
  return {
    drawing: { shape: { times: shape.times, columns }, series: sized },
    edges: rows.map(({ from }) => (isDoubling(from) ? format(from, unit) : '')),
    totals: shape.times.map((_, i) => rows.reduce((sum, row) => sum + (row.values[i] ?? 0), 0)),
  };
}

/** `132 of 3,300, 4%`. */
export function shareText(value: number, total: number): string {
  const percent = total > 0 ? (100 * value) / total : 0;
  return `${count(value)} of ${count(total)}, ${format(percent, 'percent', percent < 10 ? 1 : 0)}`;
}

/** Counts by size in words: how many there are, between what, and where most of them are. */
export function sizesSummary(title: string, { drawing, totals }: Sizes, span: string): string {
  const { shape, series } = drawing;
  const sums = shape.columns.map(({ values }) =>
    values.reduce<number>((sum, value) => sum + (value ?? 0), 0),
  );
  const all = totals.reduce((sum, value) => sum + value, 0);
  const most = sums.indexOf(Math.max(...sums));
  if (all === 0) return `${title}: Heatmap of ${span}. No data.`;
  const named = (row: number): string => series[row]?.label ?? '';
  const reach = series.length > 1 ? ` from ${named(series.length - 1)} to ${named(0)}` : '';
  const where = `most of them ${named(most)}: ${shareText(sums[most] ?? 0, all)}`;
  return `${title}: Heatmap of ${span}. ${count(all)} observations${reach}, ${where}.`;
}
