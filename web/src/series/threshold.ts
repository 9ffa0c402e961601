import { median } from './ring';

export const TONES = ['good', 'info', 'warning', 'bad'] as const;
export type Tone = (typeof TONES)[number];

/** A mark on the scale, and what it means to be on the far side of it. */
export interface Threshold {
  /** In the unit of the values, or a factor of the limit or of the baseline. */
  value: number;
  of: 'value' | 'limit' | 'baseline';
  when: 'above' | 'below';
  label: string;
  tone: Tone;
}

/** A threshold whose place on the scale is known. */
export interface Mark {
  at: number;
  when: Threshold['when'];
  label: string;
  tone: Tone;
}

/** Fewer values than this say nothing about what is usual. */
const LEAST_VALUES = 10;

/** What is usual: the middle of what was measured, the newest value left out; null while too little is known. */
export function baseline(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => typeof value === 'number');
  const before = known.slice(0, -1);
  return before.length < LEAST_VALUES ? null : median(before);
}

/** Where thresholds stand; those whose limit or baseline is not known stand nowhere. */
export function marksOf(
  thresholds: readonly Threshold[],
  limit: number | null,
  usual: number | null,
): Mark[] {
  return thresholds.flatMap(({ value, of, when, label, tone }) => {
    const unit = of === 'value' ? 1 : of === 'limit' ? limit : usual;
    return unit === null ? [] : [{ at: value * unit, when, label, tone }];
  });
}

/** How serious a tone is. */
function weight(tone: Tone): number {
  return TONES.indexOf(tone);
}

/** The most serious mark that a value is on the far side of. */
export function crossed(marks: readonly Mark[], value: number | null): Mark | null {
  if (value === null) return null;
  const beyond = marks.filter(({ at, when }) => (when === 'above' ? value > at : value < at));
  return beyond.reduce<Mark | null>(
    (worst, mark) => (worst && weight(worst.tone) >= weight(mark.tone) ? worst : mark),
    null,
  );
}
