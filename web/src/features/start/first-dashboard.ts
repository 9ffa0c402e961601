import { addWidget } from '../../dashboard/commands';
import { emptyContent, LONGEST_NAME, type Content } from '../../dashboard/content';
import type { CatalogueEntry } from '../../live/protocol';
import { KINDS } from '../../panels/kinds';
import type { Point } from '../../series/point';
import { chooseMetric, newDraft } from '../dashboards/edit/draft';

/** The kinds of widgets that it has, and how wide each is. */
const WIDTHS = new Map([
  ['area', 9],
  ['metric', 3],
]);

/** A private dashboard of one metric: how it goes over time, and its number. */
export function firstDashboard(entry: CatalogueEntry): Content {
  const name = entry.name.slice(0, LONGEST_NAME);
  return KINDS.reduce((content, kind) => {
    const w = WIDTHS.get(kind.id);
    if (w === undefined) return content;
    const shown = chooseMetric(newDraft(kind), 0, entry.name, entry);
    return addWidget(content, kind.id, shown, { w, h: kind.size.h });
  }, emptyContent(name));
}

/** The value of the newest point that has one. */
export function newestValue(points: readonly Point[]): number | null {
  const [newest] = points
    .filter(({ value }) => value !== null)
    .sort((a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp));
  return newest?.value ?? null;
}
