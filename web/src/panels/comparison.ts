import type { Feed } from '../live/feed.svelte';
import type { Palette } from '../series/palette';
import { changeSize, format, type Unit } from '../series/unit';
import { draw, joined, type Drawing, type DrawnSeries } from './drawing';
import type { WidgetConfig } from './widget';

/** The last of the series' colours, a grey. */
const GREY = 7;

type Hidden = Pick<ReadonlySet<string>, 'has'>;

interface Beside {
  config: WidgetConfig;
  feeds: readonly Pick<Feed, 'earlier' | 'bucketMs'>[];
  palette: Palette;
  /** What it is compared with: "a day before". */
  words: string;
}

/** The sum of the columns of a drawing, as one. */
function whole({ shape, series }: Drawing, words: string): Drawing {
  const [first] = series;
  if (!first) return { shape, series };
  const values = shape.times.map((_, row) => {
    const known = shape.columns.flatMap(({ values: own }) => own[row] ?? []);
    return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
  });
  const columns = [{ key: 'all', values, lonely: [] }];
  const hidden = series.every((one) => one.hidden);
  const all = { ...first, key: 'all~', label: `All, ${words}`, slot: GREY, hidden };
  return { shape: { times: shape.times, columns }, series: [all] };
}

/** A drawing with the same of an earlier time behind its series, those of them that it has. */
export function compared(drawing: Drawing, beside: Beside, hidden: Hidden): Drawing {
  const { config, feeds, palette, words } = beside;
  const sources = feeds.flatMap(({ earlier, bucketMs }) =>
    earlier?.version ? [{ table: earlier.table, bucketMs }] : [],
  );
  if (sources.length < feeds.length) return drawing;
  const before = draw(config, sources, palette, hidden, Infinity);
  const known = new Map(drawing.series.map((one) => [one.key, one]));
  const earlier = config.stack ? whole(before, words) : matching(before, known, words);
  return {
    shape: joined([drawing.shape, earlier.shape]),
    series: [...drawing.series, ...earlier.series.map((one) => ({ ...one, isEarlier: true }))],
  };
}

function matching(
  { shape, series }: Drawing,
  known: ReadonlyMap<string, DrawnSeries>,
  words: string,
): Drawing {
  const rows = series.flatMap(({ key }, i) => (known.has(key) ? [i] : []));
  return {
    shape: { times: shape.times, columns: rows.flatMap((i) => shape.columns[i] ?? []) },
    series: rows.flatMap((i) => {
      const [before, now] = [series[i], known.get(series[i]?.key ?? '')];
      if (!before || !now) return [];
      return [
        { ...now, key: `${now.key}~`, label: `${now.label}, ${words}`, latest: before.latest },
      ];
    }),
  };
}

/** For each series the one of the earlier time; -1 for none. */
export function twinsOf(series: readonly Pick<DrawnSeries, 'key'>[]): number[] {
  const places = new Map(series.map(({ key }, i) => [key, i]));
  return series.map(({ key }) => places.get(`${key}~`) ?? -1);
}

/** How a value differs from an earlier one: "+12%". */
export function changeText(value: number | null, before: number | null, unit: Unit): string {
  if (value === null || before === null) return '';
  const amount = unit === 'percent' ? value - before : (100 * (value - before)) / Math.abs(before);
  if (!Number.isFinite(amount)) return `before ${format(before, unit)}`;
  const sign = amount < 0 ? '−' : '+';
  return sign + changeSize(amount, unit === 'percent');
}
