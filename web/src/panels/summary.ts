import { crossed, type Mark } from '../series/threshold';
import { count, format, span, type Unit } from '../series/unit';
import type { Drawing } from './drawing';

/** More series than this are not read out one by one. */
const MOST_SERIES = 5;

interface Said {
  title: string;
  /** What it is: "Line chart". */
  kind: string;
  spanMs: number;
  unit: Unit;
  decimals: number | null;
  marks: readonly Mark[];
}

function rangeOf(values: readonly (number | null | undefined)[]): [number, number] | null {
  const known = values.filter((value): value is number => typeof value === 'number');
  return known.length === 0 ? null : [Math.min(...known), Math.max(...known)];
}

/** A drawing in words, for who does not see it: what each series is now, and between what it was. */
export function summary({ shape, series }: Drawing, said: Said): string {
  const { title, kind, spanMs, unit, decimals, marks } = said;
  const write = (value: number | null): string => format(value, unit, decimals);
  const sentences = series.slice(0, MOST_SERIES).map(({ label, latest }, i) => {
    const range = rangeOf(shape.columns[i]?.values ?? []);
    const between = range ? `, between ${write(range[0])} and ${write(range[1])}` : '';
    const mark = crossed(marks, latest);
    return `${label} ${write(latest)}${between}${mark ? `, ${mark.when} ${mark.label}` : ''}`;
  });
  const rest = series.length - sentences.length;
  if (rest > 0) sentences.push(`and ${count(rest)} more`);
  return `${title}: ${kind} of ${span(spanMs)}. ${sentences.join('; ') || 'No data'}.`;
}
