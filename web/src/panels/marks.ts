import { baseline, marksOf, type Mark } from '../series/threshold';
import { format } from '../series/unit';
import type { Drawing } from './drawing';
import type { WidgetConfig } from './widget';

type Scale = Pick<WidgetConfig, 'thresholds' | 'limit' | 'unit' | 'decimals'>;

/** Where a widget's thresholds stand; what is usual is told by its first series. */
export function marksFor(config: Scale, { shape }: Drawing): Mark[] {
  const isRelative = config.thresholds.some(({ of }) => of === 'baseline');
  const usual = isRelative ? baseline(shape.columns[0]?.values ?? []) : null;
  const marks = marksOf(config.thresholds, config.limit, usual);
  const name = ({ at, label }: Mark): string => label || format(at, config.unit, config.decimals);
  return marks.map((mark) => ({ ...mark, label: name(mark) }));
}
